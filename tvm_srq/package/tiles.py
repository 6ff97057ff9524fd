"""How Winograd kernels lay out their transformed weights: enough to find the 3x3 weights again, and for C to transform them.

Of a tile of S x S transformed weights of one input and output channel, element (y, x) is sum(rows[y][a] * columns[x][b] *
w[a][b]), and lies y_offsets[y] + x_offsets[x] elements behind the tile's first. Tiles are counted by (outer, middle, inner);
their firsts lie strides apart, 1 for inner.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = tuple[tuple[int, int, int], ...]
# the scaled G of Lavin and Gray (CVPR 2016) for F(2x2, 3x3) and F(4x4, 3x3); the first's kernel wants row 3 negative
TWO: Matrix = ((2, 0, 0), (1, 1, 1), (1, -1, 1), (0, 0, 2))
TWO_NEGATED: Matrix = (*TWO[:3], (0, 0, -2))
FOUR: Matrix = ((6, 0, 0), (-4, -4, -4), (-4, 4, -4), (1, 2, 4), (1, -2, 4), (0, 0, 6))


@dataclass(frozen=True)
class Tiles:
    """A layout of transformed weights; offsets and strides in elements."""

    rows: Matrix
    columns: Matrix
    y_offsets: tuple[int, ...]
    x_offsets: tuple[int, ...]
    counts: tuple[int, int, int]
    strides: tuple[int, int]

    @property
    def places(self) -> NDArray[np.int64]:
        """(tiles, S, S) index of every element in the kernel's array."""
        outer, middle, inner = (np.arange(count) for count in self.counts)
        first = outer[:, None, None] * self.strides[0] + middle[:, None] * self.strides[1] + inner
        return first.reshape(-1, 1, 1) + np.array(self.y_offsets)[:, None] + np.array(self.x_offsets)

    def transform(self, weights: NDArray[np.int64]) -> NDArray[np.int64]:
        """(tiles, 3, 3) -> the kernel's array, flat."""
        result = np.zeros(self.places.size, np.int64)
        result[self.places] = np.array(self.rows) @ weights @ np.array(self.columns).T
        return result

    def weights_of(self, array: NDArray) -> NDArray[np.int64] | None:
        """(tiles, 3, 3) integers whose transform is ``array``; None if there are none."""
        if array.size != self.places.size:
            return None
        transformed = array.reshape(-1)[self.places].astype(np.float64)
        weights = np.rint(np.linalg.pinv(self.rows) @ transformed @ np.linalg.pinv(self.columns).T).astype(np.int64)
        return weights if np.array_equal(self.transform(weights), array.reshape(-1)) else None


def tiles_of_two(shape: tuple[int, ...]) -> Tiles | None:
    """F(2x2): (O / block, parts, 4 columns, 2 stages, I / group, 2 rows of a stage, vectors, lanes * group), rows 1 and 2 in the
    first stage, 0 and 3 in the second (schedules.cpu.winograd_packing)."""
    if len(shape) != 8 or shape[2:4] != (4, 2) or shape[5] != 2:
        return None
    outer, middle, inner = shape[0] * shape[1], shape[4], shape[6] * shape[7]
    stage, column = 2 * middle * inner, 4 * middle * inner
    y_offsets = (stage, 0, inner, stage + inner)
    x_offsets = (0, column, 2 * column, 3 * column)
    return Tiles(TWO_NEGATED, TWO, y_offsets, x_offsets, (outer, middle, inner), (4 * column, 2 * inner))


def tiles_of_four(shape: tuple[int, ...]) -> Tiles | None:
    """F(4x4): (O / block, 36 positions by rows, I / 2, vectors, lanes * 2) (schedules.cpu.winograd4_packing)."""
    if len(shape) != 5 or shape[1] != 36:
        return None
    inner = shape[2] * shape[3] * shape[4]
    y_offsets, x_offsets = (tuple(range(0, 6 * step, step)) for step in (6 * inner, inner))
    return Tiles(FOUR, FOUR, y_offsets, x_offsets, (shape[0], 1, inner), (36 * inner, 0))


LAYOUTS: tuple[Callable[[tuple[int, ...]], Tiles | None], ...] = (tiles_of_two, tiles_of_four)
