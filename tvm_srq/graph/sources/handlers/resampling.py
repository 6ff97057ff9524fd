"""Resizing and pooling by windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm_srq.graph.sources.calls import Call, Reference
from tvm_srq.graph.sources.handlers.convolutions import pair
from tvm_srq.graph.sources.sizes import Length, quotient
from tvm_srq.graph.sources.translation import Translation, handles
from tvm_srq.graph.sources.views import View


@handles(
    "upsample_nearest2d.vec", "upsample_nearest2d.default", "_upsample_nearest_exact2d.vec", "_upsample_nearest_exact2d.default",
)  # fmt: skip
def nearest(t: Translation, call: Call, input: Reference | None = None, self: Reference | None = None, **_: Any) -> View:
    """By a whole factor, or every n-th pixel."""
    source = t.map(given(input, self))
    before = t.view_of(source).shape[2:]
    up = {quotient(after, length) for after, length in zip(call.shape[2:], before, strict=True)}
    down = {quotient(length, after) for after, length in zip(call.shape[2:], before, strict=True)}
    if len(up) == 1 and isinstance(factor := up.pop(), int):
        return t.view_of(source if factor == 1 else t.builder.add("nearest", t.name(call), [source], {"factor": factor}))
    if len(down) == 1 and isinstance(factor := down.pop(), int):
        start = factor // 2 if "exact" in call.target else 0
        return t.view_of(t.builder.add("subsample", t.name(call), [source], {"start": start, "stride": factor, "cut": 0}))
    t.refuse("resizes by nearest neighbours and no whole factor")


@handles("upsample_bilinear2d.vec", "upsample_bilinear2d.default")
def bilinear(t: Translation, call: Call, align_corners: bool, **arguments: Any) -> View:
    return resized(t, call, "linear", align_corners, **arguments)


@handles("upsample_bicubic2d.vec", "upsample_bicubic2d.default")
def bicubic(t: Translation, call: Call, align_corners: bool, **arguments: Any) -> View:
    return resized(t, call, "cubic", align_corners, **arguments)


def resized(
    t: Translation, call: Call, mode: str, align_corners: bool, input: Reference | None = None, self: Reference | None = None,
    output_size: Sequence[Length] | None = None, scale_factors: Sequence[float] | None = None, scales_h: float | None = None,
    scales_w: float | None = None,
) -> View:  # fmt: skip
    """To a size that follows from the picture's."""
    source = t.map(given(input, self))
    rows, columns = call.shape[2:]
    before = t.view_of(source).shape[2:]
    by_scale = scale_factors is not None or scales_h is not None or scales_w is not None
    whole = all(quotient(after, length) or quotient(length, after) for after, length in zip((rows, columns), before, strict=True))
    if by_scale and not align_corners and not whole:
        t.refuse("resizes by a factor that is not whole; give the size instead")
    if (rows, columns) == before:
        return t.view_of(source)
    extent = t.extent(rows, columns)
    coordinates = "align_corners" if align_corners else "half_pixel"
    attributes = {"mode": mode, "coordinates": coordinates, "extent": [list(term) for term in extent.terms]}
    return t.view_of(t.builder.add("resize", t.name(call), [source], attributes))


def given(*references: Reference | None) -> Reference:
    return next(reference for reference in references if reference is not None)


@handles("max_pool2d.default")
def max_pool(
    t: Translation, call: Call, self: Reference, kernel_size: Sequence[int], stride: Sequence[int], padding: Sequence[int],
    dilation: Sequence[int], ceil_mode: bool,
) -> View:  # fmt: skip
    if pair(dilation) != (1, 1):
        t.refuse("takes the largest of pixels that are no neighbours")
    return pooled(t, call, "max_pool", t.map(self), kernel_size, stride, padding, ceil_mode)


@handles("max_pool2d_with_indices.default")
def max_pool_with_indices(t: Translation, call: Call, **arguments: Any) -> list[Any]:
    return [max_pool(t, call, **arguments), None]


@handles("avg_pool2d.default")
def average_pool(
    t: Translation, call: Call, self: Reference, kernel_size: Sequence[Length], stride: Sequence[int], padding: Sequence[int],
    ceil_mode: bool, count_include_pad: bool, divisor_override: int | None,
) -> View:  # fmt: skip
    source = t.map(self)
    if tuple(kernel_size) == t.view_of(source).shape[2:]:
        return t.view_of(t.builder.add("global_average", t.name(call), [source]))
    if divisor_override is not None or (not count_include_pad and any(padding)):
        t.refuse("divides by something else than the pixels of its window")
    return pooled(t, call, "average_pool", source, kernel_size, stride, padding, ceil_mode)


@handles("adaptive_avg_pool2d.default", "_adaptive_avg_pool2d.default")
def adaptive_average_pool(t: Translation, call: Call, self: Reference, output_size: Sequence[Length]) -> View:
    source = t.map(self)
    if call.shape[2:] == (1, 1):
        return t.view_of(t.builder.add("global_average", t.name(call), [source]))
    return adaptive(t, call, "average_pool", source)


@handles("adaptive_max_pool2d.default")
def adaptive_max_pool(t: Translation, call: Call, self: Reference, output_size: Sequence[Length]) -> list[Any]:
    return [adaptive(t, call, "max_pool", t.map(self)), None]


def adaptive(t: Translation, call: Call, operator: str, source: str) -> View:
    """Pooling to a size, where its windows are all alike."""
    before = t.view_of(source).shape[2:]
    factors = {quotient(length, after) for after, length in zip(call.shape[2:], before, strict=True)}
    factor = factors.pop() if len(factors) == 1 else None
    if not isinstance(factor, int):
        t.refuse("pools by windows of different sizes")
    return pooled(t, call, operator, source, [factor], [factor], [0], False)


def pooled(
    t: Translation, call: Call, operator: str, source: str, kernel_size: Sequence[Length], stride: Sequence[int],
    padding: Sequence[int], ceil_mode: bool,
) -> View:  # fmt: skip
    """Windows that are squares."""
    if not all(isinstance(size, int) for size in kernel_size):
        t.refuse("has windows that depend on the picture's size")
    kernel = pair(kernel_size)  # type: ignore[arg-type]
    steps, sides = pair(stride) if stride else kernel, pair(padding)
    if len({*kernel}) > 1 or len({*steps}) > 1 or len({*sides}) > 1 or ceil_mode:
        t.refuse("treats rows and columns differently, or counts windows that reach beyond the map")
    attributes = {"kernel": kernel[0], "stride": steps[0], "padding": sides[0]}
    return t.view_of(t.builder.add(operator, t.name(call), [source], attributes))
