"""Realize: the annotated network becomes integer steps, ``srq.<step>``, by the one lowering (tvm_srq.lowering).

No constant is composed here: they are those of the lowering, which the integer reference executes too.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from tvm import IRModule, ir, relax

from relay_passes.annotate_quantization import quantization_of
from relay_passes.import_graph import HEIGHT, WIDTH, rows_of
from relay_passes.operators import attribute, call, constant
from tvm_srq.lowering.integer_graph import PICTURE, IntegerCall, IntegerGraph, IntegerTensor
from tvm_srq.lowering.lowering import lower
from tvm_srq.steps import STEPS, Step
from tvm_srq.steps.convolution import Convolution

DTYPES = {"picture": "uint8", "stream": "int16", "codes": "int16"}


def realize_integer(module: IRModule) -> IRModule:
    """Maps of codes side by side stand in the attribute ``srq.maps``.

    Raises:
        UserError: a node has no integer form; by name.
    """
    spec = quantization_of(module)
    program = lower(spec)
    builder = relax.BlockBuilder()
    picture = relax.Var("picture", module["main"].params[0].ty)
    values: dict[str, relax.Var] = {PICTURE: picture}
    with builder.function("main", [picture]):
        with builder.dataflow():
            for made in program.calls:
                emit(builder, program, made, values)
            output = builder.emit_output(values[program.output])
        builder.emit_func_output(output)
    maps = json.dumps({name: asdict(code_map) for name, code_map in program.maps.items()})
    return builder.get().with_attrs({"srq.maps": maps, "srq.smallest": program.smallest})


def emit(builder: relax.BlockBuilder, program: IntegerGraph, made: IntegerCall, values: dict[str, relax.Var]) -> None:
    """One step: its inputs, then its arrays; the tensors that it makes are named in ``outputs``."""
    arrays = made.step.arrays()
    tensors = [program.tensors[name] for name in made.outputs]
    types = [type_of(tensor) for tensor in tensors]
    about = {
        "layer": made.layer, "sources": json.dumps(made.inputs), "outputs": json.dumps(made.outputs),
        "arrays": json.dumps(list(arrays)), "scalars": json.dumps(made.step.scalars()),
        "tensors": json.dumps([described(program.tensors[name]) for name in (*made.inputs, *made.outputs)]),
    }  # fmt: skip
    operands = [*(values[name] for name in made.inputs), *map(constant, arrays.values())]
    result = types[0] if len(types) == 1 else relax.TupleType(types)
    variable = builder.emit(call(f"srq.{made.step.name}", operands, result, **about))
    for index, name in enumerate(made.outputs):
        values[name] = variable if len(types) == 1 else builder.emit(relax.TupleGetItem(variable, index))


def described(tensor: IntegerTensor) -> dict[str, Any]:
    """A tensor's kind, channels, the map that it is a part of, and its codes of a real zero."""
    return {"kind": tensor.kind, "channels": tensor.channels, "map": tensor.map, "outside": tensor.outside.tolist()}


def type_of(tensor: IntegerTensor) -> relax.TensorType:
    """(rows, columns, channels), as in memory but for padding."""
    shape = (rows_of(tensor.extent, HEIGHT), rows_of(tensor.extent, WIDTH), tensor.channels)
    return relax.TensorType(shape, DTYPES[tensor.kind])


def step_of(value: ir.Call) -> Step:
    """The step that a call of ``srq.<step>`` is."""
    names, sources = attribute(value, "arrays"), attribute(value, "sources")
    arrays = {name: operand.value.numpy() for name, operand in zip(names, value.args[len(sources) :], strict=True)}
    scalars = {name: tuple(v) if isinstance(v, list) else v for name, v in attribute(value, "scalars").items()}
    name = value.op.name.removeprefix("srq.")
    kind: type[Step] = Convolution if name == Convolution.name else STEPS[name]
    return kind.from_parts(scalars, arrays)
