"""Lengths that depend on the picture's size, known by their values at some sizes; and the rules that they follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from tvm_srq.extent import Extent

Samples = tuple[tuple[int, int], ...]
"""Heights and widths of pictures at which lengths are known."""


@dataclass(frozen=True)
class Size:
    """A length that is not the same for every picture: one value for each of the samples."""

    values: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.values[0]}.."


Length = int | Size


def length_of(values: Iterable[int]) -> Length:
    """An int where all samples agree."""
    values = tuple(int(value) for value in values)
    return values[0] if len(set(values)) == 1 else Size(values)


def combine(function: Callable[..., int], *lengths: Length) -> Length:
    """``function`` of the lengths, at each sample."""
    count = max((len(length.values) for length in lengths if isinstance(length, Size)), default=1)
    columns = (length.values if isinstance(length, Size) else (length,) * count for length in lengths)
    return length_of(function(*values) for values in zip(*columns, strict=True))


def product_of(lengths: Iterable[Length]) -> Length:
    """1 for none."""
    total: Length = 1
    for length in lengths:
        total = combine(lambda a, b: a * b, total, length)
    return total


def quotient(length: Length, divisor: Length) -> Length | None:
    """``length / divisor`` where it is whole at every sample, or None."""
    if combine(lambda a, b: int(b == 0 or a % b != 0), length, divisor) != 0:
        return None
    return combine(lambda a, b: a // b, length, divisor)


def at_samples(extent: Extent, samples: Samples) -> tuple[Length, Length]:
    """An extent's rows and columns at the samples."""
    return length_of(extent(height) for height, _ in samples), length_of(extent(width) for _, width in samples)


def fitted(rows: Length, columns: Length, samples: Samples, known: Iterable[Extent]) -> Extent | None:
    """The rule that these rows and columns follow: one of those known, or a simple one, or None."""
    wanted = [*zip((height for height, _ in samples), values_of(rows, len(samples)), strict=True),
              *zip((width for _, width in samples), values_of(columns, len(samples)), strict=True)]  # fmt: skip
    candidates = [Extent(), *known, *simple_extents(wanted)]
    return next((extent for extent in candidates if all(extent(length) == value for length, value in wanted)), None)


def simple_extents(wanted: Sequence[tuple[int, int]]) -> Iterator[Extent]:
    """Whole factors, one pixel, fractions rounded down and up, multiples of a number, and such with an offset."""
    length, value = wanted[0]
    for divide in range(1, 17):
        # the slope is about value / length: the factors near it, for each divisor
        near = round(value * divide / length)
        for multiply in {max(near + more, 0) for more in (-1, 0, 1)}:
            for add in {0, divide - 1, value * divide - length * multiply}:
                yield Extent().then(multiply, add, divide)
    for multiple, factor in product(range(2, 129), (1, 2, 3, 4, 8)):
        yield Extent().then(1, multiple - 1, multiple).then(multiple * factor)
        yield Extent().then(1, 0, multiple).then(multiple * factor)


def values_of(length: Length, count: int) -> tuple[int, ...]:
    """A length at each of ``count`` samples."""
    return length.values if isinstance(length, Size) else (length,) * count


def ceiling_multiple(*pairs: tuple[Length, Length]) -> int | None:
    """The number of which each pair's first length is the next multiple from its second on, at every sample, or None."""
    for multiple in range(2, 257):
        if all(combine(lambda a, b, m=multiple: int(a == -(-b // m) * m), *pair) == 1 for pair in pairs):
            return multiple
    return None
