"""Rows and columns of a feature map as a rule: what they are for whatever picture comes in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Extent:
    """Terms (multiply, add, divide) applied in order, each n -> (n * multiply + add) // divide, for rows and columns alike.

    ``Extent()`` is the picture's own; a map of one pixel is ``Extent(((0, 1, 1),))``.
    """

    terms: tuple[tuple[int, int, int], ...] = ()

    @staticmethod
    def of(terms: Sequence[Sequence[int]]) -> Extent:
        """From lists, as JSON has them."""
        return Extent(tuple((int(m), int(a), int(d)) for m, a, d in terms))

    def __call__(self, length: int) -> int:
        for multiply, add, divide in self.terms:
            length = (length * multiply + add) // divide
        return length

    def then(self, multiply: int = 1, add: int = 0, divide: int = 1) -> Extent:
        """Another term behind these; whole factors are joined, and a whole factor undone is dropped."""
        if (multiply, add, divide) == (1, 0, 1):
            return self
        if multiply == 0:
            return Extent(((0, add // divide, 1),))
        if self.terms and (multiply, divide) == (1, 1) and self.terms[-1][2] == 1:
            *front, (factor, offset, _) = self.terms
            return Extent(tuple(front)).then(factor, offset + add)
        if self.terms and add == 0:
            *front, (factor, offset, divisor) = self.terms
            if offset == 0 and divisor == 1:
                whole = factor * multiply
                if whole % divide == 0:
                    rest = Extent(tuple(front))
                    return rest if whole == divide else Extent((*front, (whole // divide, 0, 1)))
        return Extent((*self.terms, (multiply, add, divide)))

    @property
    def scale(self) -> int | None:
        """The whole number it multiplies by, or None if it does anything else."""
        if not self.terms:
            return 1
        return self.terms[0][0] if len(self.terms) == 1 and self.terms[0][1:] == (0, 1) and self.terms[0][0] > 0 else None

    @property
    def one(self) -> bool:
        """Whether it is one pixel whatever the picture."""
        return self.terms == ((0, 1, 1),)


ONE = Extent(((0, 1, 1),))
