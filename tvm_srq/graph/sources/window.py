"""Rows and columns cut off, one side after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tvm_srq.graph.sources.pending import Pending
from tvm_srq.graph.sources.sizes import Length, combine
from tvm_srq.graph.sources.views import View

if TYPE_CHECKING:
    from tvm_srq.graph.sources.translation import Translation

Cut = tuple[Length, Length, int]
"""The first index, how many, and the distance between them."""


@dataclass(frozen=True)
class Window(Pending):
    """Some rows and columns of a map (1, C, H, W)."""

    base: str
    leading: tuple[Length, ...]
    rows: Cut
    columns: Cut

    @property
    def shape(self) -> tuple[Length, ...]:  # type: ignore[override]
        return (*self.leading, self.rows[1], self.columns[1])

    def cut(self, t: Translation, dim: int, start: Length, count: Length, step: int) -> Window:
        """Some of these rows (``dim`` -2) or columns (-1)."""
        if dim not in (-1, -2):
            t.refuse("cuts out a part of something else than channels, rows and columns")
        before = self.rows if dim == -2 else self.columns
        first = combine(lambda a, b: a + b * before[2], before[0], start)
        after = (first, count, before[2] * step)
        return replace(self, rows=after) if dim == -2 else replace(self, columns=after)

    def finished(self, translation: Translation) -> str:
        t = translation
        start, step = self.rows[0], self.rows[2]
        if start != self.columns[0] or step != self.columns[2] or not isinstance(start, int):
            t.refuse("needs a map where it gets one cut differently along rows and columns")
        extent = t.extent(self.rows[1], self.columns[1])
        if step == 1:
            terms = [list(term) for term in extent.terms]
            return t.builder.add("crop", f"{self.base}.crop", [self.base], {"start": start, "extent": terms})
        for cut in range(step):
            attributes = {"start": start, "stride": step, "cut": cut}
            lengths = t.view_of(self.base).shape[2:]
            counts = tuple(combine(lambda n, c=cut: (n - c - start + step - 1) // step, length) for length in lengths)
            if counts == (self.rows[1], self.columns[1]):
                return t.builder.add("subsample", f"{self.base}.pixels", [self.base], attributes)
        t.refuse("needs a map where it gets some rows and columns only")


def window_of(t: Translation, value: Any) -> Window:
    """A value as a window of all its rows and columns."""
    if isinstance(value, Window):
        return value
    base = t.map(value)
    *leading, rows, columns = t.view_of(base).shape
    if isinstance(value, View) and len(value.dimensions) < 4:
        leading = leading[4 - len(value.dimensions) :]
    return Window(base, tuple(leading), (0, rows, 1), (0, columns, 1))
