"""What is computed in float32 where it has no integer meaning: asked where integers refuse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tvm_srq.graph.sources.calls import Call, Constant, Reference
from tvm_srq.graph.sources.translation import Translation, handles_in_floats
from tvm_srq.graph.sources.views import View

UNARY = {
    "exp.default": "exp", "log.default": "log", "sqrt.default": "sqrt", "rsqrt.default": "rsqrt", "abs.default": "abs",
    "square.default": "square", "sin.default": "sin", "cos.default": "cos", "floor.default": "floor", "tanh.default": "tanh",
    "sigmoid.default": "sigmoid", "neg.default": "negative", "reciprocal.default": "reciprocal",
}  # fmt: skip
BINARY = {
    "add.Tensor": "add", "add.Scalar": "add", "sub.Tensor": "subtract", "sub.Scalar": "subtract", "mul.Tensor": "multiply",
    "mul.Scalar": "multiply", "div.Tensor": "divide", "div.Scalar": "divide", "maximum.default": "maximum",
    "minimum.default": "minimum", "pow.Tensor_Tensor": "power", "pow.Tensor_Scalar": "power",
}  # fmt: skip


@handles_in_floats(*UNARY)
def unary(t: Translation, call: Call, self: Reference) -> View:
    return t.floats.made(call, UNARY[call.target], [t.float_operand(call, self)])


@handles_in_floats(*BINARY)
def binary(t: Translation, call: Call, self: Any, other: Any = None, alpha: float = 1, exponent: Any = None, **_: Any) -> View:
    second, function = other if exponent is None else exponent, BINARY[call.target]
    if alpha != 1:
        t.refuse("scales what it adds")
    if function == "divide" and is_zero_somewhere(t, second):
        t.refuse("divides by zero")
    return t.floats.made(call, function, [t.float_operand(call, self), t.float_operand(call, second)])


def is_zero_somewhere(t: Translation, item: Any) -> bool:
    """Whether a number or a constant is zero, or has zeros."""
    value = t.value(item) if isinstance(item, Reference) else item
    return not np.asarray(value.tensor).all() if isinstance(value, Constant) else value == 0


@handles_in_floats("rsub.Scalar", "rsub.Tensor")
def subtract_from(t: Translation, call: Call, self: Reference, other: Any, alpha: float) -> View:
    return binary(t, Call(call.name, "sub.Tensor", {}, call.shape, call.module, call.kind), other, self, alpha)


@handles_in_floats("clamp_min.default", "clamp_max.default", "clamp.default", "relu.default")
def clamp(t: Translation, call: Call, self: Reference, min: float | None = None, max: float | None = None) -> View:
    low = 0.0 if call.target == "relu.default" else min
    view = t.float_operand(call, self)
    for function, bound in (("maximum", low), ("minimum", max)):
        if bound is not None:
            view = t.floats.made(call, function, [view, t.float_operand(call, float(bound))])
    return view


@handles_in_floats("softmax.int", "_softmax.default")
def softmax(t: Translation, call: Call, self: Reference, dim: int, **_: Any) -> View:
    return softmax_of(t, call, t.float_operand(call, self), dim)


def softmax_of(t: Translation, call: Call, view: View, dim: int) -> View:
    """Less the largest first, so that nothing overflows."""
    largest = t.floats.made(call, "copy", [view], [dim], "max", keep=True)
    shares = t.floats.made(call, "exp", [t.floats.made(call, "subtract", [view, largest])])
    total = t.floats.made(call, "copy", [shares], [dim], "sum", keep=True)
    return t.floats.made(call, "divide", [shares, total])


@handles_in_floats("mean.dim", "sum.dim_IntList", "amax.default")
def reduction(t: Translation, call: Call, self: Reference, dim: Sequence[int] | None, keepdim: bool, **_: Any) -> View:
    view = t.float_operand(call, self)
    kind = {"mean.dim": "mean", "sum.dim_IntList": "sum", "amax.default": "max"}[call.target]
    return t.floats.made(call, "copy", [view], dim or range(len(view.dimensions)), kind, keepdim)


@handles_in_floats("var.correction", "var.dim", "std.correction", "std.dim")
def variance(t: Translation, call: Call, self: Reference, dim: Sequence[int], keepdim: bool, **how: Any) -> View:
    correction = how.get("correction", int(how.get("unbiased", True)))
    if correction != 0:
        t.refuse("divides by something else than the number of values")
    view = t.float_operand(call, self)
    centered = t.floats.made(call, "subtract", [view, t.floats.made(call, "copy", [view], dim, "mean", keep=True)])
    made = t.floats.made(call, "square", [centered], dim, "mean", keepdim)
    return made if call.target.startswith("var") else t.floats.made(call, "sqrt", [made])


@handles_in_floats("linalg_vector_norm.default")
def vector_norm(
    t: Translation, call: Call, self: Reference, ord: float, dim: Sequence[int] | None, keepdim: bool, **_: Any
) -> View:
    if ord != 2 or dim is None:
        t.refuse(f"is a norm of order {ord}")
    return t.floats.made(call, "sqrt", [t.floats.made(call, "square", [t.float_operand(call, self)], dim, "sum", keepdim)])


@handles_in_floats("matmul.default", "bmm.default")
def matrix_product(t: Translation, call: Call, self: Reference, other: Reference | None = None, mat2: Any = None) -> View:
    first, second = t.float_operand(call, self), t.float_operand(call, mat2 if other is None else other)
    if min(len(first.dimensions), len(second.dimensions)) < 2:
        t.refuse("is a product with a vector")
    return product_of(t, call, first, second)


def product_of(t: Translation, call: Call, first: View, second: View) -> View:
    """(..., n, k) by (..., k, m)."""
    *outer, inner, last = second.dimensions
    rows = View(first.base, (*first.dimensions[:-1], (), first.dimensions[-1]))
    return t.floats.made(call, "multiply", [rows, View(second.base, (*outer, (), last, inner))], [-1], "sum")


@handles_in_floats("einsum.default")
def einsum(t: Translation, call: Call, equation: str, tensors: Sequence[Reference], path: Any = None) -> View:
    """Of two operands."""
    if "." in equation or "->" not in equation or len(tensors) != 2:
        t.refuse(f"is the sum {equation}")
    *given, result = equation.replace(" ", "").replace("->", ",").split(",")
    views = [t.float_operand(call, item) for item in tensors]
    letters = [*result, *sorted({letter for each in given for letter in each if letter not in result})]
    if any(len(set(each)) != len(each) for each in (*given, result)):
        t.refuse(f"is the sum {equation}")
    arranged = [
        View(view.base, tuple(view.dimensions[each.index(letter)] if letter in each else () for letter in letters))
        for view, each in zip(views, given, strict=True)
    ]
    return t.floats.made(call, "multiply", arranged, range(len(result), len(letters)), "sum")


@handles_in_floats("im2col.default")
def unfolded(
    t: Translation, call: Call, self: Reference, kernel_size: Sequence[int], dilation: Sequence[int], padding: Sequence[int],
    stride: Sequence[int],
) -> View:  # fmt: skip
    """Windows that may overlap, as PyTorch's Unfold makes them: (1, C * k * k, windows)."""
    border = padding[0]
    if any(len({*each}) > 1 for each in (kernel_size, dilation, padding, stride)):
        t.refuse("treats rows and columns differently")
    source = t.map(self)
    if border:
        source = t.builder.add("pad", f"{source}.padded", [source], {"mode": "zeros", "before": border, "after": border})
    return t.floats.windows(call, source, kernel_size[0], stride[0], dilation[0])


@handles_in_floats("scaled_dot_product_attention.default")
def attention(
    t: Translation, call: Call, query: Reference, key: Reference, value: Reference, attn_mask: Reference | None,
    dropout_p: float, is_causal: bool, scale: float | None = None, **_: Any,
) -> View:  # fmt: skip
    if is_causal or dropout_p:
        t.refuse("is causal, or drops values at random")
    queries, keys, values = (t.float_operand(call, item) for item in (query, key, value))
    *outer, rows, columns = keys.dimensions
    scores = product_of(t, call, queries, View(keys.base, (*outer, columns, rows)))
    width = queries.shape[-1]
    if not isinstance(width, int):
        t.refuse("attends over vectors of the picture's size")
    scores = t.floats.made(call, "multiply", [scores, t.float_operand(call, float(np.float32(scale or width**-0.5)))])
    if attn_mask is not None:
        scores = t.floats.made(call, "add", [scores, t.float_operand(call, attn_mask)])
    return product_of(t, call, softmax_of(t, call, scores, -1), values)
