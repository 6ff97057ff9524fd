"""Reshapes and permutations kept as what they are, an order of a map's channels, rows and columns, until a layer wants a map.

A tensor of any rank is seen as a map (channels, rows, columns) of the graph whose axes were split, permuted and joined. So
``x.reshape(n, c, r, r, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c, r * h, r * w)`` is recognized as a pixel shuffle by where
the parts of the axes are in the end, however it was written; so are its reverse, channel shuffles, and maps with channels last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tvm_srq.graph.sources.sizes import Length, Size, combine, product_of, quotient

Axis = str
"""``channel``, ``row``, ``column`` or ``repeat``; of float values (tvm_srq.graph.sources.floats), an axis' number."""


@dataclass(frozen=True)
class Part:
    """A part of an axis: index ``(coordinate // stride) % length`` of it. A ``repeat`` belongs to none: the same values again."""

    axis: Axis
    length: Length
    stride: Length = 1


Dimension = tuple[Part, ...]
"""Parts, the slowest first; none for a length of 1."""


@dataclass(frozen=True)
class View:
    """A tensor as parts of the axes of a graph's value; batches have one picture."""

    base: str
    dimensions: tuple[Dimension, ...]

    @property
    def shape(self) -> tuple[Length, ...]:
        return tuple(product_of(part.length for part in dimension) for dimension in self.dimensions)


def map_view(base: str, channels: int, rows: Length, columns: Length) -> View:
    """A map as it is: (1, C, H, W)."""
    axes: tuple[tuple[Axis, Length], ...] = (("channel", channels), ("row", rows), ("column", columns))
    return View(base, ((), *(() if length == 1 else (Part(axis, length),) for axis, length in axes)))


def joined(dimension: Sequence[Part]) -> Dimension:
    """Neighbours that make one longer part joined; parts of length 1 dropped."""
    result: list[Part] = []
    for part in dimension:
        last = result[-1] if result else None
        if part.length == 1:
            continue
        if last and last.axis == part.axis and (part.axis == "repeat" or last.stride == product_of((part.stride, part.length))):
            result[-1] = Part(part.axis, product_of((last.length, part.length)), part.stride)
        else:
            result.append(part)
    return tuple(result)


def reshaped(view: View, shape: Sequence[Length]) -> View | None:
    """The view with another shape, or None where parts of axes would have to be cut unevenly."""
    parts = [part for dimension in view.dimensions for part in dimension]
    dimensions = []
    for wanted in shape:
        taken: list[Part] = []
        while wanted != 1:
            if not parts:
                return None
            part = parts.pop(0)
            rest = quotient(wanted, part.length)
            if rest is not None:
                taken.append(part)
                wanted = rest
                continue
            inner = quotient(part.length, wanted)
            if inner is None:
                return None
            taken.append(Part(part.axis, wanted, product_of((part.stride, inner))))
            parts.insert(0, Part(part.axis, inner, part.stride))
            wanted = 1
        dimensions.append(joined(taken))
    return None if parts else View(view.base, tuple(dimensions))


def permuted(view: View, order: Sequence[int]) -> View:
    return View(view.base, tuple(view.dimensions[index] for index in order))


def expanded(view: View, shape: Sequence[Length]) -> View:
    """Dimensions of length 1 repeated."""
    missing = len(shape) - len(view.dimensions)
    dimensions = ((),) * missing + view.dimensions
    return View(view.base, tuple(
        (Part("repeat", wanted),) if not dimension and wanted != 1 else dimension
        for dimension, wanted in zip(dimensions, shape, strict=True)))  # fmt: skip


def without_repeats(view: View) -> View:
    """What broadcasting makes of a view again: dimensions that are nothing but repetition have length 1."""
    return replace(view, dimensions=tuple(() if all(p.axis == "repeat" for p in d) else d for d in view.dimensions))


def channels_in_order(parts: Sequence[Part]) -> list[int] | None:
    """The channels that parts enumerate, the last part fastest; None where parts of other axes are among them."""
    channels = np.zeros(1, np.int64)
    for part in parts:
        if part.axis not in ("channel", "repeat") or isinstance(part.length, Size) or isinstance(part.stride, Size):
            return None
        steps = np.arange(part.length) * (part.stride if part.axis == "channel" else 0)
        channels = (channels[:, None] + steps).reshape(-1)
    return [int(channel) for channel in channels]


def coordinates_of_channels(dimension: Dimension, channels: int) -> NDArray[np.int64] | None:
    """Where each channel is along a dimension made of parts of the channel axis alone, (channels,), or None."""
    where = np.zeros(channels, np.int64)
    for part in dimension:
        if part.axis != "channel" or isinstance(part.length, Size) or isinstance(part.stride, Size):
            return None
        where = where * part.length + (np.arange(channels) // part.stride) % part.length
    return where


def per_channel(view: View, channels: int, values: NDArray) -> NDArray | None:
    """A constant that is broadcast over a view as one number for each channel, (channels,), or None where it is more."""
    while values.ndim > len(view.dimensions) and values.shape[0] == 1:
        values = values[0]
    if values.ndim > len(view.dimensions):
        return None
    index: list[NDArray[np.int64]] = []
    trailing = view.dimensions[len(view.dimensions) - values.ndim :]
    for dimension, length in zip(trailing, values.shape, strict=True):
        where = np.zeros(channels, np.int64) if length == 1 else coordinates_of_channels(dimension, channels)
        if where is None or (length != 1 and product_of(part.length for part in dimension) != length):
            return None
        index.append(where)
    return np.broadcast_to(values[tuple(index)] if index else values, channels)


def together(first: View, second: View) -> tuple[Dimension, ...] | None:
    """The dimensions of two views combined pixel by pixel, or None where their parts do not lie side by side."""
    first, second = without_repeats(first), without_repeats(second)
    rank = max(len(first.dimensions), len(second.dimensions))
    pairs = zip(*(((),) * (rank - len(view.dimensions)) + view.dimensions for view in (first, second)), strict=True)
    combined = tuple(one or other for one, other in pairs)
    axes: tuple[Axis, ...] = ("channel", "row", "column")
    for axis in axes:
        all_parts, *places = (parts_of_axis(dimensions, axis) for dimensions in (combined, first.dimensions, second.dimensions))
        if any(parts and parts != all_parts for parts in places):
            return None
    return combined


def parts_of_axis(dimensions: Sequence[Dimension], axis: Axis) -> list[tuple[int, Part]]:
    """An axis' parts and the places of their dimensions, from the last."""
    return [(place, part) for place, parts in enumerate(reversed(dimensions)) for part in parts if part.axis == axis]


def minus(length: Length, other: Length) -> Length:
    return combine(lambda a, b: a - b, length, other)
