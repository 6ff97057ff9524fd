"""Means and variances over the channels of each pixel on their way to a layer norm, which many networks write out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tvm_srq.graph.sources.pending import Pending
from tvm_srq.graph.sources.sizes import Length
from tvm_srq.graph.sources.views import Part, View

if TYPE_CHECKING:
    from tvm_srq.graph.sources.calls import Call
    from tvm_srq.graph.sources.translation import Translation

Kind = Literal["mean", "centered", "square", "variance", "deviation", "factor", "normalized"]
STEPS: dict[tuple[Kind, str], Kind] = {
    ("centered", "square"): "square", ("variance", "sqrt"): "deviation", ("variance", "rsqrt"): "factor",
}  # fmt: skip
"""What a function makes of a moment; ``factor`` is 1 / deviation."""


@dataclass(frozen=True)
class Moment(Pending):
    """Something of a view's channels, pixel by pixel.

    Attributes:
        place: the dimension that is the channels, counted from the last.
        epsilon: what was added to the variance.
        kept: whether ``place`` is still there, with a length of 1.
    """

    kind: Kind
    view: View
    place: int
    epsilon: float = 0.0
    kept: bool = True

    @property
    def shape(self) -> tuple[Length, ...]:  # type: ignore[override]
        shape = list(self.view.shape)
        if self.kind in ("mean", "variance", "deviation", "factor"):
            shape[self.place : self.place + 1 or None] = [1] if self.kept else []
        return tuple(shape)

    def finished(self, translation: Translation) -> str:
        t = translation
        channels = t.builder.channels[self.view.base]
        if self.kind == "normalized":
            made = t.builder.add("layer_norm", f"{self.view.base}.norm", [self.view.base], {"epsilon": self.epsilon})
            return t.map(replace(self.view, base=made))
        if self.kind not in ("mean", "centered"):
            t.refuse("needs a map where it gets the variance of a pixel's channels")
        if self.place != -3:
            t.refuse("takes the mean of something else than channels")
        mean = np.full((1, channels, 1, 1), 1 / channels, np.float32)
        made = t.builder.convolution(f"{self.view.base}.mean", self.view.base, mean, None)
        if self.kind == "mean":
            return made
        negative = t.builder.affine(f"{made}.neg", t.builder.select(f"{made}.channels", made, [0] * channels), -1.0, 0.0)
        return t.builder.add("add", f"{self.view.base}.centered", [self.view.base, negative])


    def in_floats(self, translation: Translation, call: Call) -> View:
        floats, keep = translation.floats, self.kept
        if self.kind == "normalized":
            return super().in_floats(translation, call)
        mean = floats.made(call, "copy", [self.view], [self.place], "mean", keep or self.kind != "mean")
        if self.kind == "mean":
            return mean
        made = floats.made(call, "subtract", [self.view, mean])
        if self.kind == "centered":
            return made
        if self.kind == "square":
            return floats.made(call, "square", [made])
        made = floats.made(call, "square", [made], [self.place], "mean", keep)
        made = floats.made(call, "add", [made, floats.constant(np.array(self.epsilon, np.float32))])
        functions = {"deviation": "sqrt", "factor": "rsqrt"}
        return floats.made(call, functions[self.kind], [made]) if self.kind in functions else made


def moment_of(t: Translation, value: Any, dims: Sequence[int] | None, keep: bool) -> Moment | None:
    """The mean over dimensions that are all channels, or None."""
    if isinstance(value, Moment) and value.kind == "square" and dims is not None:
        same = [dim % len(value.shape) - len(value.shape) for dim in dims] == [value.place]
        return replace(value, kind="variance", kept=keep) if same else None
    if not isinstance(value, View) or dims is None or len(dims) != 1:
        return None
    channels = t.builder.channels[value.base]
    place = dims[0] % len(value.dimensions) - len(value.dimensions)
    whole = value.dimensions[place] == (Part("channel", channels),)
    return Moment("mean", value, place, kept=keep) if whole and not t.builder.extents[value.base].one else None


def after(value: Any, function: str) -> Moment | None:
    """A function of a moment, or None where it is none of those on the way to a layer norm."""
    kind = STEPS.get((value.kind, function)) if isinstance(value, Moment) else None
    return None if kind is None else replace(value, kind=kind)


def together_with(first: Any, second: Any, operation: str) -> Moment | None:
    """A moment and something else combined, or None where that is no step on the way to a layer norm."""
    one, other = (item if isinstance(item, Moment) else None for item in (first, second))
    if operation == "add":
        moment, number = (one, second) if one else (other, first)
        known = moment is not None and moment.kind == "variance" and isinstance(number, (int, float))
        return replace(moment, epsilon=moment.epsilon + number) if known else None  # type: ignore[union-attr,type-var]
    if operation == "subtract" and other and other.kind == "mean" and other.kept and first == other.view:
        return replace(other, kind="centered")
    if operation == "multiply" and one and one.kind == "factor":
        one, other = other, one
    wanted = {"divide": "deviation", "multiply": "factor"}.get(operation)
    if one and other and one.kind == "centered" and other.kind == wanted and other.kept and one.view == other.view:
        return replace(other, kind="normalized")
    return None
