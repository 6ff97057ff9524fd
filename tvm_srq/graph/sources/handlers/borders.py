"""Borders around maps, and borders cut off."""

from __future__ import annotations

from typing import Any

from tvm_srq.graph.sources.calls import Call, Reference
from tvm_srq.graph.sources.pending import Pending
from tvm_srq.graph.sources.sizes import Length, Size, at_samples, ceiling_multiple
from tvm_srq.graph.sources.translation import Translation, handles
from tvm_srq.graph.sources.views import Part, View, minus
from tvm_srq.graph.sources.window import window_of
from tvm_srq.operators.pad import MODES

PAD_MODES = {name: mode for mode, name in MODES.items()}


@handles("pad.default", "constant_pad_nd.default", "reflection_pad2d.default", "replication_pad2d.default")
def pad(t: Translation, call: Call, self: Reference, **how: Any) -> Any:
    """The same rows and columns around, or as many below and to the right as make a multiple."""
    name = how.get("mode", call.target.split("_")[0].replace("reflection", "reflect").replace("replication", "replicate"))
    sides: list[Length] = [*(how.get("pad") or how["padding"]), 0, 0, 0, 0][:4]
    if name not in PAD_MODES or (how.get("value") or 0) != 0 or len(call.shape) > 5:
        t.refuse(f"pads in mode {name} by {how.get('value')}")
    left, right, top, bottom = sides
    mode = PAD_MODES[name]
    if all(side == 0 for side in sides):
        return t.value(self)
    view = None if isinstance(t.value(self), Pending) else t.view(self)
    if view is not None and sides_last(t, view) and all(isinstance(side, Size) or side >= 0 for side in sides):
        made = padded(t, call, view.base, (left, right, top, bottom), mode)
        rows, columns = at_samples(t.builder.extents[made], t.samples)
        return View(made, (*view.dimensions[:-2], (Part("row", rows),), (Part("column", columns),)))
    source = t.map(self)
    if all(isinstance(side, int) and side <= 0 for side in sides):
        return cropped(t, source, call, (left, top))
    return t.view_of(padded(t, call, source, (left, right, top, bottom), mode))


def sides_last(t: Translation, view: View) -> bool:
    """Whether the last dimensions are whole rows and whole columns, whatever is before them."""
    rows, columns = at_samples(t.builder.extents[view.base], t.samples)
    return len(view.dimensions) > 2 and view.dimensions[-2:] == ((Part("row", rows),), (Part("column", columns),))


def padded(t: Translation, call: Call, source: str, sides: tuple[Length, Length, Length, Length], mode: str) -> str:
    """The node of a border on all sides, or of one below and to the right."""
    left, right, top, bottom = sides
    if left == top and right == bottom and isinstance(left, int) and isinstance(right, int) and min(left, right) >= 0:
        return t.builder.add("pad", t.name(call), [source], {"mode": mode, "before": left, "after": right})
    before = t.view_of(source).shape
    multiple = ceiling_multiple(*zip(call.shape[-2:], before[-2:], strict=True))
    if left != 0 or top != 0 or multiple is None:
        t.refuse(f"pads rows and columns differently ({', '.join(map(str, sides))})")
    return t.builder.add("pad_to_multiple", t.name(call), [source], {"mode": mode, "multiple": multiple})


def cropped(t: Translation, source: str, call: Call, starts: tuple[Length, Length]) -> Any:
    """Negative borders."""
    window = window_of(t, t.view_of(source))
    for dim, start in ((-1, starts[0]), (-2, starts[1])):
        window = window.cut(t, dim, minus(0, start), call.shape[dim], 1)
    return window
