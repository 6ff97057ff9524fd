"""Means, sums and deviations of all pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tvm_srq.graph.sources.calls import Call, Reference
from tvm_srq.graph.sources.moments import moment_of
from tvm_srq.graph.sources.partial import Partial, reduced
from tvm_srq.graph.sources.translation import Translation, handles
from tvm_srq.graph.sources.views import View


@handles("mean.dim")
def mean(t: Translation, call: Call, self: Reference, dim: Sequence[int] | None, keepdim: bool, **_: Any) -> Any:
    moment = moment_of(t, t.value(self), dim, keepdim)
    return reduced(t, t.value(self), dim, keepdim, average=True) if moment is None else moment


@handles("sum.dim_IntList")
def total(t: Translation, call: Call, self: Reference, dim: Sequence[int] | None, keepdim: bool, **_: Any) -> Any:
    """Left unfinished until it is divided by the number of pixels."""
    return reduced(t, t.value(self), dim, keepdim, average=False)


@handles("var.correction", "var.dim")
def variance(t: Translation, call: Call, self: Reference, dim: Sequence[int], keepdim: bool, **how: Any) -> Any:
    channels = moment_of(t, t.value(self), dim, keepdim)
    if channels is not None and how.get("correction", int(how.get("unbiased", True))) == 0:
        return replace(channels, kind="variance")
    deviation = standard_deviation(t, call, self, dim, keepdim, **how)
    return View(t.builder.add("function", t.name(call, "square"), [deviation.base], {"function": "square"}), deviation.dimensions)


@handles("std.correction", "std.dim")
def standard_deviation(t: Translation, call: Call, self: Reference, dim: Sequence[int], keepdim: bool, **how: Any) -> View:
    """Of all pixels, channel by channel."""
    correction = how.get("correction", int(how.get("unbiased", True)))
    correction = 1 if correction is None else correction
    if correction not in (0, 1):
        t.refuse(f"corrects the number of pixels by {correction}")
    partial = reduced(t, t.value(self), dim, keepdim, average=True)
    if isinstance(partial, Partial):
        t.refuse("is the deviation of something else than all pixels of a channel")
    attributes = {"correction": 1} if correction else {}
    source = t.builder.by_name[partial.base].inputs[0]
    return View(t.builder.add("global_deviation", t.name(call), [source], attributes), partial.dimensions)
