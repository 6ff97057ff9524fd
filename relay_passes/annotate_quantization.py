"""Annotate: the calibrated and finetuned quantization, put on the network.

Every convolution becomes ``srq.quantize`` of its input and ``srq.conv2d`` of the codes with its integer weights; every value
gets the real step of its int16 stream, and every function that is looked up its table. :func:`quantization_of` reads it all back.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from tvm import IRModule, ir, relax

from relay_passes.import_graph import INPUT, NetworkReader, operands_of, roles, with_roles
from relay_passes.operators import Values, array, attributes, constant, is_call, rebuilt
from tvm_srq.graph.graph import PICTURE
from tvm_srq.spec import GridQuantizer, LayerSpec, QuantSpec


def annotate_quantization(spec: QuantSpec) -> Callable[[IRModule], IRModule]:
    """The pass for one QuantSpec on integer grids; layers, values and functions are found by the names of their nodes."""

    def apply(module: IRModule) -> IRModule:
        annotated = rebuilt(module, lambda builder, value, values: annotate(builder, spec, value, values))
        about = json.dumps({"picture": spec.streams[PICTURE], "metadata": spec.metadata})
        return annotated.with_attr("srq.quantization", about)

    return apply


def annotate(builder: relax.BlockBuilder, spec: QuantSpec, value: ir.Call, values: Values) -> relax.Var:
    """Emit a node's calls, operands renewed."""
    operands = [(role, values.get(operand, operand)) for role, operand in roles(value)]
    name = str(value.attrs["node"])
    about = attributes(value) | {"stream_step": spec.streams[name]}
    del about["operands"]  # the new ones are named anew
    if is_call(value, "graph.function"):
        operands.append(("table", constant(spec.tables[name])))
    if not is_call(value, "graph.convolution"):
        return builder.emit(with_roles(value.op.name, operands, value.ty, **about))
    layer = spec.layers[name]
    source = next(operand for role, operand in operands if role == INPUT)
    codes = source if layer.input is None else builder.emit(quantize(source, name, layer))
    made = [(INPUT, codes), ("weight", constant(layer.weight)), ("scale", constant(layer.weight_scale))]
    made += [(role, operand) for role, operand in operands if role == "bias"]
    if layer.correction is not None:
        made.append(("correction", constant(layer.correction)))
    return builder.emit(with_roles("srq.conv2d", made, value.ty, **about, weight_bits=layer.weight_bits))


def quantize(source: ir.Expr, name: str, layer: LayerSpec) -> ir.Call:
    """The codes that a layer reads, as decoded values."""
    assert isinstance(layer.input, GridQuantizer)
    operands = [(INPUT, source), ("levels", constant(layer.input.levels))]
    for role, numbers in (("equalization", layer.equalization), ("zero_point", layer.zero_point)):
        if numbers is not None:
            operands.append((role, constant(numbers)))
    about = {"layer": name, "bits": layer.input.bits, "step": layer.input.step, "low": layer.input.low}
    return with_roles("srq.quantize", operands, relax.TensorType(source.ty.shape, "int16"), **about)


class QuantizedReader(NetworkReader):
    """Reads an annotated module back."""

    def __init__(self, module: IRModule):
        about = json.loads(str(module.attrs["srq.quantization"]))
        self.layers: dict[str, LayerSpec] = {}
        self.streams: dict[str, float] = {PICTURE: about["picture"]}
        self.tables: dict = {}
        self.metadata = about["metadata"]
        self.quantized: dict[relax.Var, ir.Call] = {}
        super().__init__(module)

    def read(self, variable: relax.Var, value: ir.Expr) -> None:
        if is_call(value, "srq.quantize"):
            self.quantized[variable] = value
        elif is_call(value, "srq.conv2d"):
            self.convolution(variable, value)
        else:
            super().read(variable, value)
            if isinstance(value, ir.Call):
                self.note(value)

    def note(self, value: ir.Call) -> None:
        name, table = str(value.attrs["node"]), operands_of(value).get("table")
        self.streams[name] = float(value.attrs["stream_step"])
        if table is not None:
            self.tables[name] = array(table[0])

    def convolution(self, variable: relax.Var, value: ir.Call) -> None:
        operands, name = operands_of(value), str(value.attrs["node"])
        source = operands[INPUT][0]
        numbers = {role: array(operand[0]) for role, operand in operands.items() if role != INPUT}
        quantizer, given = None, {}
        if source in self.quantized:
            quantize = self.quantized[source]
            read = {role: array(operand[0]) for role, operand in operands_of(quantize).items() if role != INPUT}
            quantizer = GridQuantizer(int(quantize.attrs["bits"]), float(quantize.attrs["step"]), int(quantize.attrs["low"]),
                                      read.pop("levels"))  # fmt: skip
            source, given = operands_of(quantize)[INPUT][0], read
        layer = LayerSpec(numbers["weight"], numbers["scale"], int(value.attrs["weight_bits"]), quantizer,
                          correction=numbers.get("correction"), **given)  # fmt: skip
        self.layers[name] = layer
        constants: dict = {role: operands[role] for role in ("bias",) if role in operands}
        constants["weight"] = [constant(layer.real_weight)]
        self.add(variable, value, "convolution", [source], constants)
        self.streams[name] = float(value.attrs["stream_step"])


def quantization_of(module: IRModule) -> QuantSpec:
    """The QuantSpec that an annotated module holds; ``weight_limit`` and ``winograd`` of its layers, which training needs, not.

    Raises:
        UserError: an operation is no part of a quantized network; by name.
    """
    reader = QuantizedReader(module)
    return QuantSpec(reader.graph(), reader.layers, reader.streams, reader.tables, reader.metadata)


