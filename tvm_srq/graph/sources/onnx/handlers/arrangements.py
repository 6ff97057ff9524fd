"""Reshapes, permutations, pixel shuffles: what puts values in another order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm_srq.graph.sources.calls import Reference
from tvm_srq.graph.sources.handlers import shapes as torch_handlers
from tvm_srq.graph.sources.onnx.numbers import axes_of
from tvm_srq.graph.sources.onnx.operation import Operation
from tvm_srq.graph.sources.onnx.translation import OnnxTranslation, UnevenParts, handles
from tvm_srq.graph.sources.sizes import Length, combine, product_of, quotient
from tvm_srq.graph.sources.views import View, expanded, permuted, reshaped


def cut(view: View, shape: Sequence[Length]) -> View:
    """The view with another shape.

    Raises:
        UnevenParts: parts of axes would have to be cut unevenly.
    """
    result = reshaped(view, shape)
    if result is None:
        raise UnevenParts("joins or cuts rows and columns in a way that has no operator")
    return result


@handles("Reshape")
def reshape(t: OnnxTranslation, o: Operation) -> View:
    view, wanted = t.seen(o), t.lengths(o.input(1)) if o.input(1) else list(o.attribute("shape"))
    assert wanted is not None
    shape: list[Length] = list(wanted)
    if not o.attribute("allowzero", 0):
        shape = [view.shape[place] if length == 0 else length for place, length in enumerate(shape)]
    open_places = [place for place, length in enumerate(shape) if length == -1]
    if len(open_places) > 1:
        t.refuse("leaves two lengths open")
    if open_places:
        rest = quotient(product_of(view.shape), product_of(length for length in shape if length != -1))
        if rest is None:
            raise UnevenParts("joins or cuts rows and columns in a way that has no operator")
        shape[open_places[0]] = rest
    return cut(view, shape)


@handles("Flatten")
def flatten(t: OnnxTranslation, o: Operation) -> View:
    view, axis = t.seen(o), o.attribute("axis", 1)
    return cut(view, [product_of(view.shape[:axis]), product_of(view.shape[axis:])])


@handles("Squeeze")
def squeeze(t: OnnxTranslation, o: Operation) -> View:
    view = t.seen(o)
    axes = axes_of(o, [None, t.constant(o.input(1))])
    places = [i for i, length in enumerate(view.shape) if length == 1] if axes is None else [a % len(view.shape) for a in axes]
    if any(view.shape[place] != 1 for place in places):
        t.refuse("drops dimensions that are longer than 1")
    return cut(view, [length for place, length in enumerate(view.shape) if place not in places])


@handles("Unsqueeze")
def unsqueeze(t: OnnxTranslation, o: Operation) -> View:
    view, axes = t.seen(o), axes_of(o, [None, t.constant(o.input(1))]) or []
    rank = len(view.shape) + len(axes)
    places = {axis % rank for axis in axes}
    lengths = iter(view.shape)
    return cut(view, [1 if place in places else next(lengths) for place in range(rank)])


@handles("Transpose")
def transpose(t: OnnxTranslation, o: Operation) -> View:
    view = t.seen(o)
    return permuted(view, o.attribute("perm") or range(len(view.dimensions))[::-1])


@handles("Expand")
def expand(t: OnnxTranslation, o: Operation) -> View:
    """Repeats what has length 1."""
    view, wanted = t.seen(o), t.lengths(o.input(1))
    assert wanted is not None
    lengths: list[Length] = [*[1] * (len(wanted) - len(view.shape)), *view.shape]
    wanted = [*[1] * (len(lengths) - len(wanted)), *wanted]
    return expanded(view, [new if old == 1 else old for old, new in zip(lengths, wanted, strict=True)])


@handles("Tile")
def tile(t: OnnxTranslation, o: Operation) -> View:
    t.item(o.input(0))
    times: Any = t.lengths(o.input(1))
    return torch_handlers.repeat(t, o.call("repeat"), Reference(o.input(0)), times)


@handles("DepthToSpace")
def depth_to_space(t: OnnxTranslation, o: Operation) -> View:
    """CRD is PyTorch's pixel shuffle; DCR has the pixel's place in the slower channels."""
    factor = o.attribute("blocksize")
    if o.attribute("mode", "DCR") == "CRD":
        t.item(o.input(0))
        if t.builder.channels[t.source(o)] % factor**2:
            t.refuse(f"makes pixels of {t.builder.channels[t.source(o)]} channels by {factor} x {factor}")
        return torch_handlers.pixel_shuffle(t, o.call("pixel_shuffle"), Reference(o.input(0)), factor)
    view = t.seen(o)
    batch, channels, rows, columns = view.shape
    inner = quotient(channels, factor**2)
    if inner is None:
        t.refuse(f"makes pixels of {channels} channels by {factor} x {factor}")
    parts = permuted(cut(view, [batch, factor, factor, inner, rows, columns]), (0, 3, 4, 1, 5, 2))
    return as_map(t, cut(parts, [batch, inner, times(rows, factor), times(columns, factor)]))


@handles("SpaceToDepth")
def space_to_depth(t: OnnxTranslation, o: Operation) -> View:
    """The reverse of DepthToSpace's DCR: a pixel's place is the slower part of the channels."""
    view, factor = t.seen(o), o.attribute("blocksize")
    batch, channels, rows, columns = view.shape
    small = [quotient(length, factor) for length in (rows, columns)]
    if None in small:
        raise UnevenParts(f"makes channels of {factor} x {factor} pixels of maps that are no multiple of this")
    high, wide = small
    assert high is not None and wide is not None
    parts = permuted(cut(view, [batch, channels, high, factor, wide, factor]), (0, 3, 5, 1, 2, 4))
    return as_map(t, cut(parts, [batch, times(channels, factor**2), high, wide]))


def as_map(t: OnnxTranslation, view: View) -> View:
    """The view as a node of its own."""
    return t.view_of(t.map(view))


def times(length: Length, factor: int) -> Length:
    return combine(lambda n: n * factor, length)
