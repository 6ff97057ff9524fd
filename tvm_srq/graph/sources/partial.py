"""Sums and means along rows or columns, which are means of all pixels once the other side and the division have followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tvm_srq.graph.sources.pending import Pending
from tvm_srq.graph.sources.sizes import Length, Size, product_of, values_of
from tvm_srq.graph.sources.views import Axis, Dimension, View

if TYPE_CHECKING:
    from tvm_srq.graph.sources.translation import Translation


@dataclass(frozen=True)
class Partial(Pending):
    """The mean of ``base`` along ``axes``, times ``factor``.

    Attributes:
        dimensions: those of the result; the axes are in none of them.
        factor: at each of the samples.
    """

    base: str
    dimensions: tuple[Dimension, ...]
    axes: frozenset[Axis]
    factor: tuple[Fraction, ...]

    @property
    def shape(self) -> tuple[Length, ...]:  # type: ignore[override]
        return View(self.base, self.dimensions).shape

    def finished(self, translation: Translation) -> str:
        if self.axes != {"row", "column"} or len(set(self.factor)) != 1:
            translation.refuse("needs a map where it gets sums of rows or columns alone, or sums not divided by their number")
        return translation.map(settled(translation, self))

    def times(self, number: float | Size) -> Partial:
        values = values_of(number, len(self.factor)) if isinstance(number, (int, Size)) else (number,) * len(self.factor)
        return replace(self, factor=tuple(f * Fraction(v) for f, v in zip(self.factor, values, strict=True)))

    def over(self, number: float | Size) -> Partial:
        values = values_of(number, len(self.factor)) if isinstance(number, (int, Size)) else (number,) * len(self.factor)
        return replace(self, factor=tuple(f / Fraction(v) for f, v in zip(self.factor, values, strict=True)))


def reduced(t: Translation, value: Any, dims: Sequence[int] | None, keep: bool, average: bool) -> View | Partial:
    """Sums or means along dimensions that are whole rows, whole columns, or both."""
    if not isinstance(value, Partial):
        view = value if isinstance(value, View) else t.view_of(t.map(value))
        value = Partial(view.base, view.dimensions, frozenset(), (Fraction(1),) * len(t.samples))
    rank = len(value.dimensions)
    places = {dim % rank for dim in (range(rank) if dims is None else dims)}
    parts = [part for place in places for part in value.dimensions[place]]
    if any(part.axis not in ("row", "column") or part.stride != 1 for part in parts):
        t.refuse("sums over something else than whole rows and columns")
    kept = tuple(() if place in places else parts for place, parts in enumerate(value.dimensions) if keep or place not in places)
    axes = {part.axis for dimension in kept for part in dimension}
    gone = frozenset({part.axis for part in parts})
    if gone & axes:
        t.refuse("sums over parts of rows or columns")
    made = replace(value, dimensions=kept, axes=value.axes | gone)
    if not average:
        made = made.times(product_of(part.length for part in parts))
    if t.builder.extents[value.base].one:
        made = replace(made, axes=frozenset({"row", "column"}))
    return settled(t, made)


def settled(t: Translation, partial: Partial) -> View | Partial:
    """The mean as a view of a node, where nothing is missing."""
    if partial.axes != {"row", "column"} or len(set(partial.factor)) != 1:
        return partial
    one = t.builder.extents[partial.base].one
    base = partial.base if one else t.builder.add("global_average", f"{partial.base}.mean", [partial.base])
    if partial.factor[0] != 1:
        base = t.builder.affine(f"{base}.scaled", base, float(partial.factor[0]), 0.0)
    return View(base, partial.dimensions)
