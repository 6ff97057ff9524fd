"""Channels side by side and taken apart; rows and columns cut off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm_srq.graph.sources.calls import Reference
from tvm_srq.graph.sources.handlers import shapes as torch_handlers
from tvm_srq.graph.sources.onnx.numbers import parts_of, slices_of
from tvm_srq.graph.sources.onnx.operation import Operation
from tvm_srq.graph.sources.onnx.translation import OnnxTranslation, handles
from tvm_srq.graph.sources.pending import Pending
from tvm_srq.graph.sources.sizes import Length, combine
from tvm_srq.graph.sources.views import View
from tvm_srq.graph.sources.window import Window, window_of


@handles("Concat")
def concatenate(t: OnnxTranslation, o: Operation) -> Any:
    if any(t.is_number(name) for name in o.inputs):
        t.refuse("puts constants beside values")
    items = [t.item(name) for name in o.inputs]
    if len(items) == 1:
        return items[0]
    axis = o.attribute("axis") % len(items[0].shape)
    shape: list[Length] = list(items[0].shape)
    if any(len(item.shape) != len(shape) for item in items):
        t.refuse("joins tensors of different ranks")
    for place in range(len(shape)):
        if place != axis and any(item.shape[place] != shape[place] for item in items):
            t.refuse("joins tensors of different sizes")
    shape[axis] = combine(lambda *lengths: sum(lengths), *(item.shape[axis] for item in items))
    return torch_handlers.concatenate(t, o.call("cat", shape), [Reference(name) for name in o.inputs], axis)


@handles("Split")
def split(t: OnnxTranslation, o: Operation) -> list[Any]:
    view, axis = t.seen(o), o.attribute("axis", 0)
    if is_spatial(view, axis):
        t.refuse("splits rows or columns")
    length = view.shape[axis]
    assert isinstance(length, int)
    sizes = parts_of(o, t.constant(o.input(1)), length)
    if 0 in sizes:
        t.refuse("makes parts without channels")
    starts = [sum(sizes[:index]) for index in range(len(sizes))]
    return [taken(t, o, view, axis, range(start, start + size)) for start, size in zip(starts, sizes, strict=True)]


def taken(t: OnnxTranslation, o: Operation, view: View, axis: int, indices: Sequence[int]) -> View:
    """Some of the channels along a dimension, in an order; of channels that were put in another order themselves, too."""
    if len(view.dimensions[axis]) > 1:
        view = t.view_of(t.map(view))
    return torch_handlers.taken(t, o.call(o.operator.lower()), view, axis, list(indices))


@handles("Slice")
def slices(t: OnnxTranslation, o: Operation) -> Any:
    """Of channels, or of rows or columns: then its fellow for the other side is to follow."""
    value: Any = t.item(o.input(0))
    rank = len(value.shape)
    inputs = [t.numbers.get(name) if name and index else None for index, name in enumerate(o.inputs)]
    if any(name and index and inputs[index] is None for index, name in enumerate(o.inputs)):
        t.refuse("slices at places that depend on the picture's pixels")
    for axis, start, end, step in slices_of(o, inputs, rank):
        length = value.shape[axis]
        first, count = (combine(lambda n, s, e, i=index, d=step: span(n, s, e, d)[i], length, start, end) for index in (0, 1))
        if first == 0 and count == length and step == 1:
            continue
        if isinstance(value, Window) or is_spatial(value, axis):
            if step < 1 or not isinstance(first, int):
                t.refuse("turns rows or columns around, or begins at a place that depends on the picture's size")
            value = window_of(t, value).cut(t, axis - rank, first, count, step)
            continue
        if not isinstance(first, int) or not isinstance(count, int) or count < 1:
            t.refuse("takes no channels, or others at every size")
        view = value if isinstance(value, View) else t.view_of(t.map(value))
        value = taken(t, o, view, axis, range(first, first + count * step, step))
    return value


def span(length: int, start: int, end: int, step: int) -> tuple[int, int]:
    """Where a slice begins and how many it takes."""
    indices = range(*slice(start, end, step).indices(length))
    return indices.start, len(indices)


@handles("Gather")
def gather(t: OnnxTranslation, o: Operation) -> View:
    view, axis, indices = t.seen(o), o.attribute("axis", 0), t.constant(o.input(1))
    assert indices is not None
    length = view.shape[axis]
    if is_spatial(view, axis) or not isinstance(length, int) or indices.ndim > 1:
        t.refuse("takes rows or columns, or the same channels in several ways")
    chosen = [int(index) % length for index in indices.reshape(-1)]
    result = taken(t, o, view, axis, chosen)
    return result if indices.ndim else torch_handlers.without(result, axis)


def is_spatial(value: View | Pending, axis: int) -> bool:
    """Whether a dimension has rows or columns in it."""
    return isinstance(value, View) and any(part.axis in ("row", "column") for part in value.dimensions[axis])
