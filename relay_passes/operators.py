"""Our graph operators: they carry quantization through the IR, readable when printed, until kernels replace them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tvm import ir, relax

from tvm_srq.affine import Affine

DESCRIPTIONS = {
    "srq.quantize": "float32 -> decoded codes m, int16; or, with picture, the exact pixels",
    "srq.conv2d": "codes, int8 weight -> int32 sums",
    "srq.affine": "x, multiplier, offset (float64, per channel) -> float32",
    "srq.add": "addition of two skip streams",
    "srq.convolution": "input, weight, start, positive, negative, ratio[, skip] -> stream, codes or picture",
}


def register() -> None:
    """Make the operators known to TVM, once."""
    known = set(ir.Op.list_op_names())
    for name, description in DESCRIPTIONS.items():
        if name not in known:
            ir._ffi_api.RegisterOp(name, description)
            ir.register_op_attr(name, "FPurity", True)


register()


def call(name: str, arguments: list, result: ir.Type, **attributes: Any) -> ir.Call:
    """A call of one of our operators, with its result type given."""
    return ir.Call(name, arguments, attributes or None, ret_ty=result)


def affine_call(value: ir.Expr, affine: Affine) -> ir.Call:
    """``srq.affine`` of a (1, C, H, W) value."""
    constants = [relax.const(part, "float64") for part in (affine.multiplier, affine.offset)]
    return call("srq.affine", [value, *constants], relax.TensorType(value.ty.shape, "float32"))


def integers(attributes: ir.Attrs, name: str) -> NDArray[np.int16]:
    """A list of integers among a call's attributes; empty if it is not there."""
    return np.array([int(value) for value in attributes[name]] if name in attributes.keys() else [], np.int16)  # noqa: SIM118


def is_call(expression: Any, name: str) -> bool:
    """Whether an expression calls operator ``name``."""
    return isinstance(expression, ir.Call) and isinstance(expression.op, ir.Op) and expression.op.name == name


def affine_of(value: ir.Call) -> Affine:
    return Affine(*(argument.value.numpy() for argument in value.args[1:3]))


def constant(value: NDArray) -> ir.Expr:
    return relax.const(np.ascontiguousarray(value), str(value.dtype))
