"""Realize: each annotated convolution and what follows it becomes one ``srq.convolution`` in integers."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from tvm import IRModule, ir, relax

from relay_passes.operators import affine_of, call, constant, integers, is_call
from tvm_srq.affine import Affine
from tvm_srq.errors import UserError
from tvm_srq.fusion import FusedResults, Result
from tvm_srq.requantize import accumulator, code_steps, fold_picture, multipliers, stream_ratios, without_zero_point

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
    """Reads the bindings in order; a value is a layer's result, or the picture's affine map."""

    def __init__(self, main: relax.Function):
        self.layers: list[Convolution] = []
        self.values: dict[relax.Var, Result | Affine] = {main.params[0]: Affine.identity(3)}
        self.quantized: dict = {}
        self.results = FusedResults()
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
            self.values[variable] = self.shuffle(self.values[value.args[0]], int(value.attrs.upscale_factor))
        elif name == "srq.add":
            self.values[variable] = self.add(*(self.values[argument] for argument in value.args))
        else:
            raise UserError(f"operation {name} has no integer form yet")

    def layer(self, value: Result | Affine, what: str) -> Convolution:
        if isinstance(value, Affine):
            raise UserError(f"the picture has {what} before any convolution; that is not supported")
        self.results.require_latest(value)
        return next(layer for layer in self.layers if layer.layer == value.layer)

    def convolution(self, value: ir.Call) -> Result:
        quantize, name = self.quantized[value.args[0]], str(value.attrs["layer"])
        source = self.values[quantize.args[0]]
        weight, scale = (argument.value.numpy() for argument in value.args[1:])
        if any(layer.layer == name for layer in self.layers):
            raise UserError(f"layer {name} is applied more than once; that is not supported")
        if isinstance(source, Affine):
            layer = Convolution(name, weight, scale, value.attrs, quantize, None, source)
        else:
            self.results.read(source)
            layer = Convolution(name, weight, scale, value.attrs, quantize, self.layer(source, ""), Affine.identity(1))
            layer.source.readers.append(layer)
        self.layers.append(layer)
        return Result(name)

    def affine(self, value: Result | Affine, outer: Affine) -> Result | Affine:
        if isinstance(value, Affine):
            return value.then(outer)
        layer = self.layer(value, "a scaling")
        if layer.slope is not None or layer.skip is not None:
            raise UserError(f"layer {layer.layer} is scaled behind its activation or addition; that is not supported")
        changed = self.results.change(value, "a scaling")
        layer.affine = outer if layer.affine is None else layer.affine.then(outer)
        return changed

    def activate(self, value: Result | Affine, call: ir.Call) -> Result:
        layer = self.layer(value, "an activation")
        if layer.skip is not None or layer.slope is not None:
            raise UserError(f"layer {layer.layer} has an activation behind an addition or another; that is not supported")
        slope = np.zeros(1)
        if is_call(call, "relax.nn.prelu"):
            slope = call.args[1].value.numpy().astype(np.float64).reshape(-1)
        elif is_call(call, "relax.nn.leakyrelu"):
            slope = np.array([np.float64(np.float32(call.attrs.alpha))])
        changed = self.results.change(value, "an activation")
        layer.slope = np.broadcast_to(slope, len(layer.weight)).copy()
        return changed

    def shuffle(self, value: Result | Affine, factor: int) -> Result:
        layer = self.layer(value, "a pixel shuffle")
        if layer.shuffle != 1 or layer.skip is not None:
            raise UserError(f"layer {layer.layer} has a pixel shuffle behind an addition or another; that is not supported")
        changed = self.results.change(value, "a pixel shuffle")
        layer.shuffle = factor
        return changed

    def add(self, first: Result | Affine, second: Result | Affine) -> Result:
        """The later operand's layer adds the earlier one's stream."""
        operands = [(self.layers.index(self.layer(value, "an addition")), value) for value in (first, second)]
        (skip_index, skipped), (branch_index, branched) = sorted(operands, key=lambda operand: operand[0])
        skip, branch = self.layers[skip_index], self.layers[branch_index]
        if branch.skip is not None:
            raise UserError(f"layer {branch.layer} takes part in two additions in a row; that is not supported")
        changed = self.results.change(branched, "an addition")
        self.results.read(skipped)
        branch.skip, branch.in_stream = skip, True
        skip.in_stream = skip.added_later = True
        return changed


def emit(builder: relax.BlockBuilder, layer: Convolution, picture: relax.Var) -> None:
    """Compute a layer's constants by tvm_srq.requantize and emit its ``srq.convolution``."""
    assert layer.affine is not None
    if layer.source is None:
        sums, padding = fold_picture(layer.weight, layer.scale, layer.inputs)
        affine = sums.then(layer.affine)
        source, in_low, in_high = picture, 0, 255
    else:
        affine, padding = layer.affine, np.zeros(layer.weight.shape[1], np.int16)
        levels = integers(layer.quantize.attrs, "levels")
        source, in_low, in_high = layer.source.outputs["codes"], int(levels.min()), int(levels.max())
    constants = accumulator(layer.weight, affine)
    zero_point = integers(layer.quantize.attrs, "zero_point")
    if len(zero_point):
        padding = zero_point
        constants = replace(constants, start=without_zero_point(constants.start, constants.weight, zero_point))
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
    if not layer.readers and layer.in_stream:
        raise UserError(f"no convolution reads the result of layer {layer.layer}; that is not supported")
    if not layer.readers:
        return {"picture": 1}, 1.0, ["picture"]
    quantizers = [reader.quantize.attrs for reader in layer.readers]
    first = quantizers[0]
    if not all(same_quantizer(first, other) for other in quantizers):
        raise UserError(f"layer {layer.layer} feeds convolutions with different quantizers; that is not supported")
    lists = {name: integers(first, name).tolist() for name in ("levels", "zero_point")}
    attributes = {"low": int(first["low"]), **{name: values for name, values in lists.items() if values}}
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
    both = (first, second)
    return (
        first["step"] == second["step"] and first["low"] == second["low"]
        and np.array_equal(*(equalization_of(quantize) for quantize in both))
        and all(np.array_equal(*(integers(quantize, name) for quantize in both)) for name in ("levels", "zero_point"))
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

