"""Gratings in all directions and of all frequencies up to the Nyquist frequency, and checkerboards of single pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tvm_srq.stress.colours import BLACK, WHITE, along, blend, two_colours


def zone_plate(size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Rings that grow finer outwards, to the Nyquist frequency in the middles of the sides: every direction and frequency."""
    first, second = (BLACK, WHITE) if random.random() < 0.5 else two_colours(random)
    rows, columns = np.mgrid[:size, :size] - size / 2 + random.uniform(-0.5, 0.5)
    phase = np.pi * (rows**2 + columns**2) / (2 * (size / 2))
    return blend(0.5 + 0.5 * np.cos(phase), first, second)


def waves(size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Fields of sine waves, each of a direction and a period of 2 to 16 pixels, of full contrast."""
    count = 3
    side = -(-size // count)
    picture = np.zeros((side * count, side * count, 3), np.uint8)
    for top in range(0, side * count, side):
        for left in range(0, side * count, side):
            period = 2 * 8 ** random.random()
            share = 0.5 + 0.5 * np.cos(2 * np.pi * along(side, random.uniform(0, np.pi)) / period)
            colours = (BLACK, WHITE) if random.random() < 0.5 else two_colours(random)
            picture[top : top + side, left : left + side] = blend(share, *colours)
    return picture[:size, :size]


def checkerboards(size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Four checkerboards, of fields of 1, 2, 3 and 4 pixels; the finest is black and white."""
    half = -(-size // 2)
    rows, columns = np.mgrid[:half, :half]
    order = random.permutation(4) + 1
    fields = []
    for width in order:
        share = ((rows // width + columns // width) % 2).astype(np.float64)
        fields.append(blend(share, *((BLACK, WHITE) if width == 1 else two_colours(random))))
    picture = np.concatenate([np.concatenate(fields[:2], 1), np.concatenate(fields[2:], 1)])
    return picture[:size, :size]
