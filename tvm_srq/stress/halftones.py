"""Halftones: shades made of dots, as in print, and dithered."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tvm_srq.stress.colours import along, blend, two_colours

BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16 + 1 / 32


def printed(size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Cyan, magenta, yellow and black dots on white, each screen at its angle, under a shade that grows across the picture."""
    period, picture = random.uniform(3, 8), np.full((size, size, 3), 1.0)
    inks = [(0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0), (0.1, 0.1, 0.1)]
    for ink, angle in zip(inks, np.radians([15, 75, 0, 45]), strict=True):
        shade = np.clip(along(size, random.uniform(0, 2 * np.pi)) / size + random.uniform(0.2, 0.5), 0, 1)
        across, down = (2 * np.pi * along(size, angle + turn) / period for turn in (0, np.pi / 2))
        dots = 0.5 + 0.25 * (np.cos(across) + np.cos(down))
        cover = np.clip((shade - 1 + dots) * period + 0.5, 0, 1)[..., None]
        picture *= 1 - cover + cover * np.array(ink)
    return np.rint(picture * 255).astype(np.uint8)


def dithered(size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """A shade between two colours by single pixels of either (Bayer's matrix)."""
    shade = along(size, random.uniform(0, 2 * np.pi)) / size + 0.5
    threshold = np.tile(BAYER, (-(-size // 4), -(-size // 4)))[:size, :size]
    return blend((shade > threshold).astype(np.float64), *two_colours(random))
