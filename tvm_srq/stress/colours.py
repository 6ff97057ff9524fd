"""The corners of the colour cube and what lies between them: squares, edges in all directions, stripes and gradients."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LEVELS = (0, 64, 128, 192, 255)
BLACK, WHITE = np.zeros(3), np.full(3, 255.0)


def colour_cube(levels: Sequence[int] = LEVELS) -> NDArray[np.uint8]:
    """(n ** 3, 3): every channel at every level."""
    return np.array(list(itertools.product(levels, repeat=3)), np.uint8)


def saturated(random: np.random.Generator) -> NDArray[np.float64]:
    """(3,) a colour whose channels are none or full half of the time."""
    return np.where(random.random(3) < 0.5, random.integers(0, 2, 3) * 255.0, random.integers(0, 256, 3))


def two_colours(random: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two of them that differ visibly."""
    first = saturated(random)
    while np.abs((second := saturated(random)) - first).max() < 64:
        pass
    return first, second


def blend(share: NDArray[np.float64], first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(H, W) shares 0..1 of the second colour -> (H, W, 3)."""
    return np.rint(first + share[..., None] * (second - first)).astype(np.uint8)


def along(size: int, direction: float) -> NDArray[np.float64]:
    """(size, size): how far a pixel's centre lies from the middle in a direction (radians)."""
    rows, columns = np.mgrid[:size, :size] + 0.5 - size / 2
    return columns * np.cos(direction) + rows * np.sin(direction)


def squares(size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Corners of the cube and colours between them in shuffled squares, a sixth of the picture wide or so."""
    count = 6
    colours = np.concatenate([colour_cube((0, 255))] * 2 + [colour_cube((0, int(random.integers(64, 192)), 255))])
    side = -(-size // count)
    mosaic = random.permutation(colours)[: count**2].reshape(count, count, 3)
    return mosaic.repeat(side, 0).repeat(side, 1)[:size, :size]


def edges(size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Half planes over each other, each of a colour, their edges a pixel soft."""
    picture = np.broadcast_to(saturated(random), (size, size, 3)).copy()
    for _ in range(12):
        share = np.clip(along(size, random.uniform(0, 2 * np.pi)) - random.uniform(-0.4, 0.5) * size + 0.5, 0, 1)
        picture += share[..., None] * (saturated(random) - picture)
    return np.rint(picture).astype(np.uint8)


def stripes(size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Bands of stripes of two colours, hard, 1 to 8 pixels wide, upright in one half and level in the other."""
    picture = np.zeros((size, size, 3), np.uint8)
    bands = 4
    for band in range(bands):
        width = int(random.integers(1, 9))
        share = np.tile((np.arange(size) // width % 2).astype(np.float64), (-(-size // bands), 1))
        rows = slice(band * len(share), min((band + 1) * len(share), size))
        picture[rows] = blend(share, *two_colours(random))[: rows.stop - rows.start]
    half = size // 2
    picture[:, half:] = picture.transpose(1, 0, 2)[:, half:]
    return picture


def gradients(size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Four fields, each fading from one colour to another."""
    picture = np.zeros((size, size, 3), np.uint8)
    half = -(-size // 2)
    for top, left in itertools.product((0, half), repeat=2):
        share = np.clip(along(half, random.uniform(0, 2 * np.pi)) / half + 0.5, 0, 1)
        part = picture[top : top + half, left : left + half]
        part[:] = blend(share, *two_colours(random))[: part.shape[0], : part.shape[1]]
    return picture
