"""Rows and columns around maps."""

from __future__ import annotations

from typing import Any

from tvm_srq.graph.sources.calls import Reference
from tvm_srq.graph.sources.handlers import borders as torch_handlers
from tvm_srq.graph.sources.onnx.numbers import axes_of
from tvm_srq.graph.sources.onnx.operation import Operation
from tvm_srq.graph.sources.onnx.translation import OnnxTranslation, handles
from tvm_srq.graph.sources.sizes import Length, combine

MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate"}


@handles("Pad")
def pad(t: OnnxTranslation, o: Operation) -> Any:
    """A fixed number of rows and columns, or as many as make a multiple."""
    value = t.item(o.input(0))
    rank = len(value.shape)
    pads = t.lengths(o.input(1)) if o.input(1) else list(o.attribute("pads") or o.attribute("paddings"))
    axes = axes_of(o, [None, None, None, t.constant(o.input(3))], 3) or list(range(rank))
    if pads is None or len(pads) != 2 * len(axes):
        t.refuse("has other borders than two for each side")
    before: list[Length] = [0] * rank
    after: list[Length] = [0] * rank
    for index, axis in enumerate(axes):
        before[axis], after[axis] = pads[index], pads[index + len(axes)]
    if rank != 4 or any(before[:2]) or any(after[:2]):
        t.refuse("adds channels")
    mode, filling = o.attribute("mode", "constant"), t.constant(o.input(2)) if o.input(2) else None
    number = float(o.attribute("value", 0.0)) if filling is None else float(filling.item())
    if mode not in MODES:
        t.refuse(f"pads in the mode {mode}")
    shape = [combine(lambda a, b, c: a + b + c, *lengths) for lengths in zip(value.shape, before, after, strict=True)]
    sides = [before[3], after[3], before[2], after[2]]
    number = number if mode == "constant" else 0.0
    return torch_handlers.pad(t, o.call("pad", shape), Reference(o.input(0)), mode=MODES[mode], pad=sides, value=number)
