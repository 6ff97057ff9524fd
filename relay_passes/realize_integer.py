"""Realize: each annotated convolution and what follows it becomes one ``srq.convolution`` in integers."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from tvm import IRModule, ir, relax

from relay_passes.operators import affine_of, call, constant, is_call
from tvm_srq.affine import Affine
from tvm_srq.errors import UserError
from tvm_srq.requantize import accumulator, code_steps, fold_picture, multipliers, stream_ratios

PASS_THROUGH = ("relax.round", "relax.clip", "relax.permute_dims", "relax.squeeze", "relax.reshape", "relax.astype",
                "relax.expand_dims", "relax.minimum", "relax.maximum")  # fmt: skip


@dataclass
class Convolution:
    """What was found of one layer on the walk; ``source`` and ``skip`` are other layers (source None: the picture)."""

    layer: str
    weight: NDArray[np.int8]
    scale: NDArray[np.float32]
    attributes: ir.Attrs
    quantize: ir.Call
    source: "Convolution | None"
    inputs: Affine
    affine: Affine | None = None
    slope: NDArray[np.float64] | None = None
    shuffle: int = 1
    skip: "Convolution | None" = None
    in_stream: bool = False
    added_later: bool = False
    readers: list["Convolution"] = field(default_factory=list)
    outputs: dict[str, relax.Var] = field(default_factory=dict)


def realize_integer(module: IRModule) -> IRModule:
    """Raises UserError for an order of operations that has no fused form."""
    main = module["main"]
    layers = Walk(main).layers
    builder = relax.BlockBuilder()
    picture = relax.Var("picture", main.params[0].ty)
    with builder.function("main", [picture]):
        with builder.dataflow():
            for layer in layers:
                emit(builder, layer, picture)
            output = builder.emit_output(layers[-1].outputs["picture"])
        builder.emit_func_output(output)
    return builder.get()


class Walk:
    """Reads the bindings in order; a value is a layer under construction, or the picture's affine map."""

    def __init__(self, main: relax.Function):
        self.layers: list[Convolution] = []
        self.values: dict = {main.params[0]: Affine.identity(3)}
        self.quantized: dict = {}
        for block in main.body.blocks:
            for binding in block.bindings:
                self.visit(binding.var, binding.value)

    def visit(self, variable: relax.Var, value: ir.Expr) -> None:
        if isinstance(value, relax.Var):
            self.values[variable] = self.values[value]
            return
        name = value.op.name if isinstance(value, ir.Call) else type(value).__name__
        if name in PASS_THROUGH:
            self.values[variable] = self.values[value.args[0]]
        elif name == "srq.quantize":
            self.quantized[variable] = value
        elif name == "srq.conv2d":
            self.values[variable] = self.convolution(value)
        elif name == "srq.affine":
            self.values[variable] = self.affine(self.values[value.args[0]], affine_of(value))
        elif name in ("relax.nn.relu", "relax.nn.prelu", "relax.nn.leakyrelu"):
            self.values[variable] = self.activate(self.values[value.args[0]], value)
        elif name == "relax.nn.pixel_shuffle":
            self.values[variable] = layer = self.values[value.args[0]]
            layer.shuffle *= int(value.attrs.upscale_factor)
        elif name == "srq.add":
            self.values[variable] = self.add(*(self.values[argument] for argument in value.args))
        else:
            raise UserError(f"operation {name} has no integer form yet")

    def convolution(self, value: ir.Call) -> Convolution:
        quantize = self.quantized[value.args[0]]
        source = self.values[quantize.args[0]]
        reads_picture = isinstance(source, Affine)
        inputs = source if reads_picture else Affine.identity(1)
        weight, scale = (argument.value.numpy() for argument in value.args[1:])
        layer = Convolution(value.attrs["layer"], weight, scale, value.attrs, quantize, None if reads_picture else source, inputs)
        if not reads_picture:
            source.readers.append(layer)
        self.layers.append(layer)
        return layer

    def affine(self, value: "Convolution | Affine", outer: Affine) -> "Convolution | Affine":
        if isinstance(value, Affine):
            return value.then(outer)
        if value.slope is not None or value.skip is not None:
            raise UserError(f"layer {value.layer} is scaled behind its activation or addition; that is not supported")
        value.affine = outer if value.affine is None else value.affine.then(outer)
        return value

    def activate(self, layer: Convolution, value: ir.Call) -> Convolution:
        if layer.skip is not None or layer.slope is not None:
            raise UserError(f"layer {layer.layer} has an activation behind an addition or another; that is not supported")
        slope = np.zeros(1)
        if is_call(value, "relax.nn.prelu"):
            slope = value.args[1].value.numpy().astype(np.float64).reshape(-1)
        elif is_call(value, "relax.nn.leakyrelu"):
            slope = np.array([np.float64(np.float32(value.attrs.alpha))])
        layer.slope = np.broadcast_to(slope, len(layer.weight)).copy()
        return layer

    def add(self, first: Convolution, second: Convolution) -> Convolution:
        skip, branch = sorted((first, second), key=self.layers.index)
        if branch.skip is not None or skip is branch:
            raise UserError(f"layer {branch.layer} takes part in two additions in a row; that is not supported")
        branch.skip, branch.in_stream = skip, True
        skip.in_stream = skip.added_later = True
        return branch


def emit(builder: relax.BlockBuilder, layer: Convolution, picture: relax.Var) -> None:
    """Compute a layer's constants by tvm_srq.requantize and emit its ``srq.convolution``."""
    assert layer.affine is not None
    if layer.source is None:
        sums, padding = fold_picture(layer.weight, layer.scale, layer.inputs)
        affine = sums.then(layer.affine)
        source, in_low, in_high = picture, 0, 255
    else:
        affine, padding = layer.affine, np.zeros(layer.weight.shape[1], np.int16)
        levels = [int(level) for level in layer.quantize.attrs["levels"]]
        source, in_low, in_high = layer.source.outputs["codes"], min(levels), max(levels)
    constants = accumulator(layer.weight, affine)
    attributes, step, kinds = results(layer)
    slope = np.ones(len(constants.unit)) if layer.slope is None else layer.slope
    positive, negative = multipliers(constants.unit, step, slope)
    ratio = stream_ratio(layer)
    arguments = [source, *(constant(v) for v in (constants.weight, constants.start, positive, negative, ratio))]
    if layer.skip is not None:
        arguments.append(layer.skip.outputs["stream"])
    attributes |= {
        "layer": layer.layer, "groups": int(layer.attributes["groups"]), "shuffle": layer.shuffle,
        "bent": int(layer.slope is not None), "reads_picture": int(layer.source is None),
        "padding": [int(p) for p in padding], "in_low": in_low, "in_high": in_high,
    }  # fmt: skip
    types = [result_type(layer, kind, picture) for kind in kinds]
    made = builder.emit(call("srq.convolution", arguments, types[0] if len(types) == 1 else relax.TupleType(types), **attributes))
    for index, kind in enumerate(kinds):
        layer.outputs[kind] = made if len(kinds) == 1 else builder.emit(relax.TupleGetItem(made, index))


def results(layer: Convolution) -> tuple[dict, float | NDArray[np.float64], list[str]]:
    """Attributes of what a layer writes, the step of its requantized value, and the kinds of its outputs in order."""
    stream_step = float(layer.attributes["stream_step"])
    if not layer.readers:
        return {"picture": 1}, 1.0, ["picture"]
    quantizers = [reader.quantize.attrs for reader in layer.readers]
    first = quantizers[0]
    levels = [int(level) for level in first["levels"]]
    if not all(same_quantizer(first, other) for other in quantizers):
        raise UserError(f"layer {layer.layer} feeds convolutions with different quantizers; that is not supported")
    attributes = {"low": int(first["low"]), "levels": levels}
    if not layer.in_stream:
        return attributes, steps_of_codes(layer, layer.shuffle), ["codes"]
    kinds = ["stream", "codes"] if layer.added_later else ["codes"]
    return attributes, stream_step, kinds


def stream_ratio(layer: Convolution) -> NDArray[np.float32]:
    """(channels behind the pixel shuffle,) stream step / code step; empty if the codes are not made from the stream."""
    if not layer.in_stream or not layer.readers:
        return np.zeros(0, np.float32)
    return stream_ratios(float(layer.attributes["stream_step"]), steps_of_codes(layer, 1))


def steps_of_codes(layer: Convolution, shuffle: int) -> NDArray[np.float64]:
    """Real code step of every output channel, before (shuffle: its factor) or behind (1) the pixel shuffle."""
    quantize = layer.readers[0].quantize.attrs
    channels = len(layer.weight) // layer.shuffle**2 * shuffle**2
    return code_steps(float(quantize["step"]), equalization_of(quantize), channels, shuffle)


def equalization_of(quantize: ir.Attrs) -> NDArray[np.float32] | None:
    if "equalization" not in quantize.keys():  # noqa: SIM118
        return None
    return np.array([float(factor) for factor in quantize["equalization"]], np.float32)


def same_quantizer(first: ir.Attrs, second: ir.Attrs) -> bool:
    """Whether two ``srq.quantize`` make the same codes of the same tensor."""
    levels = [[int(level) for level in quantize["levels"]] for quantize in (first, second)]
    equalizations = [equalization_of(quantize) for quantize in (first, second)]
    return (
        first["step"] == second["step"] and first["low"] == second["low"] and levels[0] == levels[1]
        and np.array_equal(*equalizations)
    )


def result_type(layer: Convolution, kind: str, picture: relax.Var) -> relax.TensorType:
    """Logical type: (1, C, H, W) codes and streams, the (H, W, 3) picture."""
    height, width = picture.ty.shape[0], picture.ty.shape[1]
    scale, at = layer.shuffle, layer.source
    while at is not None:
        scale, at = scale * at.shuffle, at.source
    channels = len(layer.weight) // layer.shuffle**2
    if kind == "picture":
        return relax.TensorType((height * scale, width * scale, 3), "uint8")
    return relax.TensorType((1, channels, height * scale, width * scale), "int16")

