"""Sums, differences, products and quotients: of two maps, or of a map and a constant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tvm_srq.graph.sources.calls import Call, Constant, Reference
from tvm_srq.graph.sources.moments import together_with
from tvm_srq.graph.sources.partial import Partial
from tvm_srq.graph.sources.sizes import Size
from tvm_srq.graph.sources.translation import Translation, handles
from tvm_srq.graph.sources.views import View, together, without_repeats


@handles("add.Tensor", "add.Scalar")
def add(t: Translation, call: Call, self: Reference, other: Any, alpha: float) -> Any:
    moments = together_with(operand(t, self), operand(t, other), "add" if alpha == 1 else "")
    if moments is not None:
        return moments
    if not from_picture(t, self):
        self, other = other, self
        if alpha != 1:
            t.refuse("scales what it adds")
    if from_picture(t, other):
        return combined(t, call, "add", t.view(self), scaled(t, call, t.view(other), alpha))
    view = t.view(self)
    return affine(t, call, view, 1.0, t.channel_values(view, other) * alpha)


@handles("sub.Tensor", "sub.Scalar")
def subtract(t: Translation, call: Call, self: Reference, other: Any, alpha: float) -> Any:
    if not from_picture(t, self):
        view = t.view(other)
        return affine(t, call, view, -alpha, t.channel_values(view, self))
    moments = together_with(operand(t, self), operand(t, other), "subtract" if alpha == 1 else "")
    if moments is not None:
        return moments
    return add(t, call, self, other, -alpha)


@handles("rsub.Scalar", "rsub.Tensor")
def subtract_from(t: Translation, call: Call, self: Reference, other: Any, alpha: float) -> View:
    view = t.view(self)
    if isinstance(other, Reference) and from_picture(t, other):
        return combined(t, call, "add", scaled(t, call, view, -alpha), t.view(other))
    return affine(t, call, view, -alpha, t.channel_values(view, other))


@handles("mul.Tensor", "mul.Scalar")
def multiply(t: Translation, call: Call, self: Reference, other: Any) -> Any:
    quotient = together_with(operand(t, self), operand(t, other), "multiply")
    if quotient is not None:
        return t.view_of(t.map(quotient))
    if not from_picture(t, self):
        self, other = other, self
    if from_picture(t, other):
        return combined(t, call, "multiply", t.view(self), t.view(other))
    value = t.value(self)
    if isinstance(value, Partial) and isinstance(other, (int, float, Size)):
        return value.times(other)
    view = t.view(self)
    return affine(t, call, view, t.channel_values(view, other), 0.0)


@handles("div.Tensor", "div.Scalar")
def divide(t: Translation, call: Call, self: Reference, other: Any) -> Any:
    quotient = together_with(operand(t, self), operand(t, other), "divide")
    if quotient is not None:
        return t.view_of(t.map(quotient))
    if from_picture(t, other):
        t.refuse("divides by something that comes from the picture")
    value = operand(t, self)
    if isinstance(value, Partial) and isinstance(other, (int, float, Size)):
        return value.over(other)
    view = t.view(self)
    divisor = t.channel_values(view, other)
    if not divisor.all():
        t.refuse("divides by zero")
    return affine(t, call, view, 1.0 / divisor, 0.0)


@handles("neg.default")
def negate(t: Translation, call: Call, self: Reference) -> View:
    return scaled(t, call, t.view(self), -1.0)


def operand(t: Translation, item: Any) -> Any:
    """A number, or a reference's value; a constant of one number is that."""
    value = t.value(item) if isinstance(item, Reference) else item
    return float(value.tensor) if isinstance(value, Constant) and value.tensor.numel() == 1 else value


def from_picture(t: Translation, item: Any) -> bool:
    return isinstance(item, Reference) and not isinstance(t.value(item), Constant)


def affine(t: Translation, call: Call, view: View, multiplier: Any, offset: Any) -> View:
    return replace(view, base=t.builder.affine(t.name(call), view.base, multiplier, offset))


def scaled(t: Translation, call: Call, view: View, factor: float) -> View:
    return view if factor == 1 else affine(t, call, view, factor, 0.0)


def combined(t: Translation, call: Call, operator: str, first: View, second: View) -> View:
    """Two views added or multiplied, pixel by pixel; one may be a single pixel or have a single channel."""
    dimensions = together(first, second)
    if dimensions is None:
        # what is arranged in different ways may be alike as maps
        first, second = (t.view_of(t.map(view)) for view in (first, second))
        dimensions = together(first, second)
    if dimensions is None:
        t.refuse("combines tensors whose rows, columns or channels do not lie side by side")
    first, second = without_repeats(first), without_repeats(second)
    channels = max(t.builder.channels[view.base] for view in (first, second))
    bases = [widened(t, operator, view.base, channels) for view in (first, second)]
    return View(t.builder.add(operator, t.name(call), bases), dimensions)


def widened(t: Translation, operator: str, base: str, channels: int) -> str:
    """A value of one channel repeated, where the operator does not do so itself: products take gates of one channel."""
    if t.builder.channels[base] == channels or (operator == "multiply" and not t.builder.extents[base].one):
        return base
    return t.builder.select(f"{base}.channels", base, [0] * channels)
