"""What moves values and computes none: reshapes, permutations, concatenations, splits, windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm_srq.graph.sources.calls import Call, Reference
from tvm_srq.graph.sources.sizes import Length, at_samples, combine
from tvm_srq.graph.sources.translation import Translation, handles
from tvm_srq.graph.sources.views import Part, View, expanded, joined, permuted, reshaped
from tvm_srq.graph.sources.window import Window, window_of


@handles(
    "clone.default", "contiguous.default", "detach.default", "alias.default", "dropout.default", "feature_dropout.default",
    "native_dropout.default", "lift_fresh_copy.default", "to.dtype", "to.device", "to.dtype_layout", "_to_copy.default",
    "type_as.default", "positive.default", "detach_.default", "view_as_real_copy.default",
)  # fmt: skip
def unchanged(t: Translation, call: Call, **arguments: Any) -> Any:
    """Copies, and conversions to the numbers that all values are."""
    if arguments.get("train"):
        t.refuse("drops values at random: the network is not in evaluation mode")
    return t.value(next(iter(arguments.values())))


@handles(
    "view.default", "reshape.default", "_unsafe_view.default", "squeeze.default", "squeeze.dim", "squeeze.dims",
    "unsqueeze.default", "flatten.using_ints", "unflatten.int", "view_copy.default",
)  # fmt: skip
def reshape(t: Translation, call: Call, self: Reference, **_: Any) -> View:
    view = reshaped(t.arranged(self), call.shape)
    if view is None:
        t.refuse("joins or cuts rows and columns in a way that has no operator")
    return view


@handles("permute.default")
def permute(t: Translation, call: Call, self: Reference, dims: Sequence[int]) -> View:
    view = t.arranged(self)
    return permuted(view, [index % len(view.dimensions) for index in dims])


@handles("transpose.int")
def transpose(t: Translation, call: Call, self: Reference, dim0: int, dim1: int) -> View:
    view = t.arranged(self)
    order = list(range(len(view.dimensions)))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return permuted(view, order)


@handles("expand.default", "expand_as.default")
def expand(t: Translation, call: Call, self: Reference, **_: Any) -> View:
    return expanded(t.arranged(self), call.shape)


@handles("repeat.default")
def repeat(t: Translation, call: Call, self: Reference, repeats: Sequence[int]) -> View:
    view = t.arranged(self)
    dimensions = ((),) * (len(repeats) - len(view.dimensions)) + view.dimensions
    repeated = ((Part("repeat", times), *parts) for times, parts in zip(repeats, dimensions, strict=True))
    return View(view.base, tuple(map(joined, repeated)))


@handles("repeat_interleave.self_int")
def repeat_interleave(t: Translation, call: Call, self: Reference, repeats: int, dim: int | None, **_: Any) -> View:
    view = t.view(self)
    if dim is None:
        t.refuse("repeats values along no dimension")
    dimensions = list(view.dimensions)
    dimensions[dim] = joined((*dimensions[dim], Part("repeat", repeats)))
    return View(view.base, tuple(dimensions))


@handles("pixel_shuffle.default")
def pixel_shuffle(t: Translation, call: Call, self: Reference, upscale_factor: int) -> View:
    return t.view_of(t.builder.add("pixel_shuffle", t.name(call), [t.map(self)], {"factor": upscale_factor}))


@handles("pixel_unshuffle.default")
def pixel_unshuffle(t: Translation, call: Call, self: Reference, downscale_factor: int) -> View:
    return t.view_of(t.builder.add("pixel_unshuffle", t.name(call), [t.map(self)], {"factor": downscale_factor}))


@handles("channel_shuffle.default")
def channel_shuffle(t: Translation, call: Call, self: Reference, groups: int) -> View:
    source = t.map(self)
    per_group = t.builder.channels[source] // groups
    order = [group * per_group + index for index in range(per_group) for group in range(groups)]
    return t.view_of(t.builder.select(t.name(call), source, order))


@handles("cat.default")
def concatenate(t: Translation, call: Call, tensors: Sequence[Reference], dim: int) -> View:
    if dim % len(call.shape) != len(call.shape) - 3 or len(call.shape) not in (3, 4):
        return concatenated_last(t, call, tensors, dim)
    sources = [t.map(tensor) for tensor in tensors]
    if len(set(sources)) == 1:
        channels = list(range(t.builder.channels[sources[0]])) * len(sources)
        return t.view_of(t.builder.select(t.name(call), sources[0], channels))
    return t.view_of(t.builder.add("concat", t.name(call), sources))


def concatenated_last(t: Translation, call: Call, tensors: Sequence[Reference], dim: int) -> View:
    """Channels side by side where they are not the second dimension: all have their channels, whole, in this one."""
    views = [t.view(tensor) for tensor in tensors]
    place = dim % len(call.shape)
    others = {view.dimensions[:place] + view.dimensions[place + 1 :] for view in views}
    whole = all(view.dimensions[place] == (Part("channel", t.builder.channels[view.base]),) for view in views)
    if len(others) != 1 or not whole:
        t.refuse("joins rows, columns or parts of channels")
    made = t.builder.add("concat", t.name(call), [view.base for view in views])
    dimensions = list(views[0].dimensions)
    dimensions[place] = (Part("channel", t.builder.channels[made]),)
    return View(made, tuple(dimensions))


@handles("copy.default")
def copy(t: Translation, call: Call, self: Reference, src: Reference, **_: Any) -> Any:
    """An assignment to all of a tensor."""
    view = t.view(src)
    return view if view.shape == call.shape else expanded(view, call.shape)


@handles("slice_scatter.default")
def slice_scatter(t: Translation, call: Call, self: Reference, src: Reference, dim: int, step: int, **limits: Any) -> View:
    """An assignment to some channels, which are neighbours."""
    view, dim = t.view(self), dim % len(call.shape)
    start: Any = limits.get("start") or 0
    if dim != len(call.shape) - 3 or step != 1:
        t.refuse("assigns to some rows or columns, or to channels that are no neighbours")
    length, count = view.shape[dim], t.view(src).shape[dim]
    if length == count:
        return t.view(src)
    start = start + length if start < 0 else start
    around = ((range(start), self), (range(start, start + count), src), (range(start + count, length), self))  # type: ignore[arg-type,operator]
    parts = [t.map(src) if item is src else t.map(taken(t, call, view, dim, which)) for which, item in around if len(which)]
    return t.view_of(t.builder.add("concat", t.name(call, "cat"), parts))


@handles("split.Tensor", "split_with_sizes.default", "split.sizes", "chunk.default", "split_with_sizes_copy.default")
def split(t: Translation, call: Call, self: Reference, dim: int, **sizes: Any) -> list[Any]:
    """Parts of the channels, one after the other."""
    view = t.view(self)
    length = view.shape[dim]
    if not isinstance(length, int):
        t.refuse("splits rows or columns")
    size: Any = -(-length // sizes["chunks"]) if "chunks" in sizes else sizes.get("split_size", sizes.get("split_sizes"))
    counts = [min(size, length - start) for start in range(0, length, size)] if isinstance(size, int) else size
    parts, start = [], 0
    for count in counts:
        parts.append(taken(t, call, view, dim, range(start, start + count)))
        start += count
    return parts


@handles("unbind.int")
def unbind(t: Translation, call: Call, self: Reference, dim: int) -> list[Any]:
    view = t.arranged(self)
    length = view.shape[dim]
    if not isinstance(length, int):
        t.refuse("takes rows or columns apart")
    return [one_of(t, call, self, dim, index) for index in range(length)]


@handles("select.int")
def select(t: Translation, call: Call, self: Reference, dim: int, index: int) -> View:
    view = t.arranged(self)
    length = view.shape[dim]
    if not isinstance(length, int):
        t.refuse("takes one row or column")
    return one_of(t, call, self, dim, index % length)


def one_of(t: Translation, call: Call, reference: Reference, dim: int, index: int) -> View:
    """One place of a dimension, which is gone then."""
    view = t.arranged(reference)
    if t.floats.has(view.base):
        return t.floats.selected(call, view, dim, index)
    return without(taken(t, call, view, dim, [index]), dim)


@handles("index_select.default")
def index_select(t: Translation, call: Call, self: Reference, dim: int, index: Reference) -> View:
    indices = t.array(index)
    assert indices is not None
    return taken(t, call, t.view(self), dim, [int(value) for value in indices.reshape(-1)])


@handles("index.Tensor")
def index_tensor(t: Translation, call: Call, self: Reference, indices: Sequence[Reference | None]) -> View:
    """By constant indices along one dimension."""
    given = [(place, index) for place, index in enumerate(indices) if index is not None]
    values = t.array(given[0][1]) if len(given) == 1 else None
    if values is None or values.ndim != 1:
        t.refuse("takes single values")
    return taken(t, call, t.view(self), given[0][0], [int(value) for value in values])


@handles("flip.default")
def flip(t: Translation, call: Call, self: Reference, dims: Sequence[int]) -> View:
    view = t.view(self)
    for dim in dims:
        length = view.shape[dim]
        if not isinstance(length, int):
            t.refuse("turns rows or columns around")
        view = taken(t, call, view, dim, range(length - 1, -1, -1))
    return view


@handles("roll.default")
def roll(t: Translation, call: Call, self: Reference, shifts: Sequence[Length], dims: Sequence[int]) -> View:
    """Whole rows, whole columns, or both."""
    view, moved = t.view(self), {"rows": 0, "columns": 0}
    sides = dict(zip(("rows", "columns"), at_samples(t.builder.extents[view.base], t.samples), strict=True))
    for shift, dim in zip(shifts, dims, strict=True):
        parts = [(side, (Part(axis, sides[side]),)) for side, axis in (("rows", "row"), ("columns", "column"))]
        side = next((side for side, whole in parts if view.dimensions[dim] == whole), None)
        if side is None or not isinstance(shift, int):
            t.refuse("moves something else than whole rows and columns, or how far depends on the picture's size")
        moved[side] += shift
    return View(t.builder.add("roll", t.name(call), [view.base], moved), view.dimensions)


@handles("slice.Tensor", "narrow.default")
def slice_(t: Translation, call: Call, self: Reference, dim: int, **limits: Any) -> Any:
    """Of channels, or of rows or columns: then its fellow for the other side is to follow."""
    value = t.value(self)
    source = value.shape if isinstance(value, Window) else t.view(self).shape
    length, dim = source[dim], dim % len(source)
    start: Any = limits.get("start") or 0
    step = limits.get("step", 1)
    if isinstance(start, Reference):
        t.refuse("begins at a place that depends on the picture")
    start = combine(lambda at, n: min(max(at + n if at < 0 else at, 0), n), start, length)
    count = call.shape[dim]
    if start == 0 and count == length:
        return value
    of_channels = not isinstance(value, Window) or dim == len(source) - 3
    if isinstance(length, int) and isinstance(count, int) and isinstance(start, int) and of_channels:
        return taken(t, call, t.view(self), dim, range(start, start + count * step, step))
    return window_of(t, value).cut(t, dim - len(source), start, count, step)


def taken(t: Translation, call: Call, view: View, dim: int, indices: Sequence[int]) -> View:
    """Some of a dimension of one part of the channels."""
    dimension = view.dimensions[dim]
    if len(indices) == view.shape[dim] and list(indices) == list(range(len(indices))):
        return view
    if len(dimension) != 1 or dimension[0].axis != "channel":
        t.refuse("takes parts of something else than channels")
    (part,) = dimension
    assert isinstance(part.length, int) and isinstance(part.stride, int)
    count, inner, channels = len(indices), part.stride, t.builder.channels[view.base]
    outer = range(channels // (inner * part.length))
    order = [(o * part.length + index) * inner + i for o in outer for index in indices for i in range(inner)]
    base = t.builder.select(t.name(call, "channels"), view.base, order)

    def kept(other: Part) -> Part:
        """A part of the channels among the fewer that there are now."""
        if other.axis != "channel" or combine(lambda stride: int(stride > inner), other.stride) == 0:
            return other
        return Part("channel", other.length, combine(lambda stride: stride // part.length * count, other.stride))  # type: ignore[operator]

    dimensions = [tuple(kept(other) for other in parts) for parts in view.dimensions]
    dimensions[dim] = () if count == 1 else (Part("channel", count, inner),)
    return View(base, tuple(dimensions))


def without(view: View, dim: int) -> View:
    """A dimension of length 1 dropped."""
    dim %= len(view.dimensions)
    return View(view.base, view.dimensions[:dim] + view.dimensions[dim + 1 :])
