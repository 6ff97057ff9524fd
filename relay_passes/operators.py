"""Our operators in Relax: ``graph.*`` are a network's in floats, ``srq.*`` its quantization and its integer steps.

They are plain calls with constant operands and attributes, readable when printed, until kernels replace them. What is neither a
number nor a name stands in an attribute as JSON.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tvm import IRModule, ir, relax

from tvm_srq.operators import OPERATORS
from tvm_srq.steps import STEPS
from tvm_srq.steps.convolution import Convolution

QUANTIZATION = {
    "srq.quantize": "float32 -> decoded codes m, int16: value, levels[, factors][, zero point]",
    "srq.conv2d": "codes or the picture's values, int8 weight, scale[, bias][, correction] -> float32",
}
NETWORK = {f"graph.{name}": (operator.__doc__ or "").strip() for name, operator in OPERATORS.items()}
INTEGER = {f"srq.{step.name}": (step.__doc__ or "").strip() for step in (*STEPS.values(), Convolution)}


def register() -> None:
    """Make the operators known to TVM, once."""
    known = set(ir.Op.list_op_names())
    for name, description in (NETWORK | QUANTIZATION | INTEGER).items():
        if name not in known:
            ir._ffi_api.RegisterOp(name, description)
            ir.register_op_attr(name, "FPurity", True)


register()


def call(name: str, arguments: list, result: ir.Type, **attributes: Any) -> ir.Call:
    """A call of one of our operators, with its result type given."""
    return ir.Call(name, arguments, attributes or None, ret_ty=result)


def is_call(expression: Any, name: str) -> bool:
    """Whether an expression calls operator ``name``."""
    return isinstance(expression, ir.Call) and isinstance(expression.op, ir.Op) and expression.op.name == name


def is_access(value: ir.Expr) -> bool:
    return isinstance(value, relax.TupleGetItem)


def bindings(main: relax.Function) -> Iterator[tuple[relax.Var, ir.Expr]]:
    """Variables and what they are bound to, in order."""
    for block in main.body.blocks:
        for binding in block.bindings:
            yield binding.var, binding.value


Values = dict[ir.Expr, ir.Expr]
"""Variables of the module before -> what they are now."""


def rebuilt(module: IRModule, make: Callable[[relax.BlockBuilder, ir.Call, Values], relax.Var]) -> IRModule:
    """The module with every call emitted anew by ``make``; its attributes stay."""
    builder, main = relax.BlockBuilder(), module["main"]
    values: Values = {main.params[0]: main.params[0]}
    with builder.function("main", [main.params[0]]):
        with builder.dataflow():
            for variable, value in bindings(main):
                if isinstance(value, ir.Call):
                    values[variable] = make(builder, value, values)
                elif is_access(value):
                    values[variable] = builder.emit(relax.TupleGetItem(values[value.tuple_value], value.index))
                else:
                    values[variable] = values[value]
            output = builder.emit_output(values[main.body.body])
        builder.emit_func_output(output)
    return builder.get().with_attrs(dict(module.attrs))


def attributes(value: ir.Call) -> dict[str, Any]:
    """All attributes of a call, as they are."""
    return {key: value.attrs[key] for key in value.attrs.keys()}  # noqa: SIM118 - no mapping


def constant(value: NDArray) -> ir.Expr:
    return relax.const(np.ascontiguousarray(value), str(value.dtype))


def array(value: ir.Expr) -> NDArray:
    """What a constant holds."""
    return value.value.numpy()


def attribute(value: ir.Call, name: str) -> Any:
    """An attribute that is kept as JSON."""
    return json.loads(str(value.attrs[name]))
