"""Values that are no maps of a graph, on their way to a float node: what attention, quotients and odd norms compute with.

A tensor is a view of such a value as it is of a map (tvm_srq.graph.sources.views), the value's axes in place of channels, rows
and columns. So reshapes and permutations work alike on both, and nothing is computed until a layer wants a map: then all that it
depends on becomes one float node, with a program that reads maps (tvm_srq.floats).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tvm_srq.graph.sources.sizes import Length, combine, product_of, quotient
from tvm_srq.graph.sources.views import Dimension, Part, View, joined

if TYPE_CHECKING:
    from tvm_srq.graph.sources.calls import Call
    from tvm_srq.graph.sources.translation import Translation

Origin = tuple[str, Length]
"""The axis of a map that an axis comes from, and the distance there."""
Term = tuple[int, Length]
"""An axis of the value, and its stride in the source."""


@dataclass(frozen=True)
class Axis:
    length: Length
    origin: Origin | None = None


@dataclass(frozen=True)
class Constant:
    """``values``: at each sample where they depend on the picture's size (then of those samples alone that are small)."""

    values: tuple[NDArray, ...]


@dataclass(frozen=True)
class Source:
    """An operand: a map's name, a float value's, or a constant's; and the terms of its axes by their names."""

    base: str
    index: dict[str, tuple[Term, ...]]


@dataclass(frozen=True)
class FloatValue:
    """``function`` of sources along axes, of which the last ``reduced`` are summed over."""

    function: str
    sources: tuple[Source, ...]
    axes: tuple[Axis, ...]
    reduced: int
    reduction: str
    call: Call
    because: str

    @property
    def kept(self) -> tuple[Axis, ...]:
        return self.axes[: len(self.axes) - self.reduced]


class Floats:
    """The float values of a network being translated, by their names."""

    def __init__(self, translation: Translation):
        self.translation = translation
        self.values: dict[str, FloatValue] = {}
        self.constants: dict[str, Constant] = {}
        self.nodes: dict[str, tuple[str, dict[str, Part]]] = {}  # of those that are maps by now
        self.because = ""  # why the call that is being translated has no integer meaning

    def has(self, base: str) -> bool:
        return base in self.values

    def constant(self, *values: NDArray, shape: Sequence[Length] | None = None) -> View:
        """A view of a constant; of one that depends on the picture's size, its values at the samples."""
        name = f"constant {len(self.constants)}"
        self.constants[name] = Constant(values)
        lengths = values[0].shape if shape is None else shape
        return View(name, tuple(() if length == 1 else (Part(str(i), length),) for i, length in enumerate(lengths)))

    def settled(self, view: View) -> View:
        """The view, of a map if its value has become one by now."""
        if view.base not in self.nodes:
            return view
        node, places = self.nodes[view.base]

        def placed(part: Part) -> Part:
            if part.axis == "repeat":
                return part
            place = places[part.axis]
            return Part(place.axis, part.length, product_of((place.stride, part.stride)))

        return View(node, tuple(joined([placed(part) for part in dimension]) for dimension in view.dimensions))

    def finished(self, view: View) -> View:
        """The view, of a map.

        Raises:
            Refused: what it is a view of has no place in one.
        """
        if view.base in self.values and view.base not in self.nodes:
            from tvm_srq.graph.sources.float_nodes import NodeWriter

            self.nodes[view.base] = NodeWriter(self.translation).node(view.base)
        return self.settled(view)

    def made(
        self, call: Call, function: str, views: Sequence[View], dims: Sequence[int] = (), reduction: str = "", keep: bool = False
    ) -> View:
        """A function of views, broadcast; then summed (averaged, ...) over dimensions of the result."""
        rank = max(len(view.dimensions) for view in views)
        columns = [((),) * (rank - len(view.dimensions)) + view.dimensions for view in views]
        axes: list[Axis] = []
        dimensions: list[list[int]] = []
        index: list[dict[str, list[Term]]] = [{} for _ in views]
        for parts in zip(*columns, strict=True):
            dimensions.append([])
            for length, digits in self.common_digits(parts):
                number = len(axes)
                origin = None
                for digit, view, terms in zip(digits, views, index, strict=True):
                    if digit is not None:
                        terms.setdefault(digit.axis, []).append((number, digit.stride))
                        origin = origin or self.origin(view.base, digit)
                axes.append(Axis(length, origin))
                dimensions[-1].append(number)
        gone = [axis for dim in sorted({dim % rank for dim in dims}) for axis in dimensions[dim]]
        order = [axis for axis in range(len(axes)) if axis not in gone] + gone
        renamed = {axis: place for place, axis in enumerate(order)}
        sources = tuple(
            Source(view.base, {name: tuple((renamed[axis], stride) for axis, stride in terms) for name, terms in each.items()})
            for view, each in zip(views, index, strict=True)
        )
        name = f"float {len(self.values)}"
        reduced = tuple(axes[axis] for axis in order)
        self.values[name] = FloatValue(function, sources, reduced, len(gone), reduction if gone else "", call, self.because)
        removed = {dim % rank for dim in dims}
        shown = [[] if at in removed else each for at, each in enumerate(dimensions) if keep or at not in removed]
        return View(name, tuple(tuple(Part(str(renamed[a]), axes[a].length) for a in each) for each in shown))

    def windows(self, call: Call, source: str, size: int, stride: int, dilation: int) -> View:
        """(1, C * size * size, windows): square windows of a map, ``stride`` apart."""
        t = self.translation
        reach = dilation * (size - 1) + 1
        _, channels, *sides = t.view_of(source).shape
        counts = [combine(lambda length: (length - reach) // stride + 1, side) for side in sides]
        axes = (
            Axis(channels, ("channel", 1)), Axis(size), Axis(size),
            Axis(counts[0], ("row", stride)), Axis(counts[1], ("column", stride)),
        )  # fmt: skip
        index: dict[str, tuple[Term, ...]] = {
            "channel": ((0, 1),), "row": ((3, stride), (1, dilation)), "column": ((4, stride), (2, dilation)),
        }  # fmt: skip
        name = f"float {len(self.values)}"
        self.values[name] = FloatValue("copy", (Source(source, index),), axes, 0, "", call, self.because)
        parts = [Part(str(number), axis.length) for number, axis in enumerate(axes)]
        return View(name, ((), tuple(parts[:3]), tuple(parts[3:])))

    def selected(self, call: Call, view: View, dim: int, index: int) -> View:
        """One place of a dimension of a float value."""
        dimensions, fixed = list(view.dimensions), {}
        for part in reversed(dimensions.pop(dim)):
            if not isinstance(part.length, int):
                self.translation.refuse("takes one row or column")
            if part.axis != "repeat":
                fixed[part.axis, part.stride] = index % part.length
            index //= part.length
        made = self.made(call, "copy", [View(view.base, tuple(dimensions))])
        value = self.values[made.base]
        terms = dict(value.sources[0].index)
        for (axis, stride), place in fixed.items():
            if place:
                terms[axis] = (*terms.get(axis, ()), (-1, product_of((stride, place))))
        self.values[made.base] = replace(value, sources=(Source(view.base, terms),))
        return made

    def common_digits(self, parts: Sequence[Dimension]) -> list[tuple[Length, list[Part | None]]]:
        """Dimensions side by side, cut into parts of equal lengths, the slowest first; None where one is repeated."""
        rest = [[] if all(p.axis == "repeat" for p in dimension) else list(dimension) for dimension in parts]
        active = [number for number, digits in enumerate(rest) if digits]
        repeats = [product_of(p.length for p in dimension) for dimension in parts if dimension]
        if not active:
            return [(repeats[0], [None] * len(parts))] if repeats else []
        found: list[tuple[Length, list[Part | None]]] = []
        while any(rest[number] for number in active):
            if not all(rest[number] for number in active):
                self.translation.refuse("combines dimensions of different lengths")
            lengths = [rest[number][-1].length for number in active]
            least = next((m for m in lengths if all(quotient(length, m) is not None for length in lengths)), None)
            if least is None:
                self.translation.refuse("combines dimensions whose parts do not fit each other")
            digits: list[Part | None] = [None] * len(parts)
            for number in active:
                part = rest[number].pop()
                more = quotient(part.length, least)
                digits[number] = None if part.axis == "repeat" else replace(part, length=least)
                if more is not None and more != 1:
                    rest[number].append(Part(part.axis, more, product_of((part.stride, least))))
            found.append((least, digits))
        return found[::-1]

    def origin(self, base: str, part: Part) -> Origin | None:
        if base in self.constants:
            return None
        if base not in self.values:
            return part.axis, part.stride
        known = self.values[base].kept[int(part.axis)].origin
        return None if known is None else (known[0], product_of((known[1], part.stride)))


def layout_of(axes: Sequence[Axis]) -> tuple[list[int], list[int], list[int]]:
    """Which axes are channels, rows and columns of a map, the slowest first, as they were in the maps that they come from."""
    kinds = {"channel": 0, "row": 1, "column": 2}
    found: tuple[list[tuple[int, int]], ...] = ([], [], [])
    for number, axis in enumerate(axes):
        kind, stride = axis.origin or ("channel", 1)
        values = stride.values if hasattr(stride, "values") else (stride,)
        found[kinds[kind]].append((-values[-1], number))
    channels, rows, columns = ([number for _, number in sorted(each)] for each in found)
    return channels, rows, columns


def last_or_not(values: NDArray, lengths: Sequence[int], moving: Sequence[bool]) -> NDArray | None:
    """A constant that is the same all along its moving axes but for the last place of each, as two entries for each of those."""
    table = values.reshape(lengths)
    for axis, moves in enumerate(moving):
        if moves:
            count = table.shape[axis]
            others, end = table.take([0], axis), table.take([count - 1], axis)
            if count > 1 and not (np.delete(table, count - 1, axis) == others).all():
                return None
            # where there is one place alone, it is the last, and nothing is known of others
            table = np.concatenate([others if count > 1 else np.full_like(end, np.nan), end], axis)
    return table


def agreed(tables: Sequence[NDArray | None]) -> NDArray | None:
    """One table of what is known from several, nans where nothing is; None where they differ."""
    result: NDArray | None = None
    for table in tables:
        if table is None:
            return None
        if result is None:
            result = table.copy()
        both = ~np.isnan(result) & ~np.isnan(table)
        if not (result[both] == table[both]).all():
            return None
        result = np.where(np.isnan(result), table, result)
    return None if result is None else np.nan_to_num(result)
