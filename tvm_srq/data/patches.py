"""Random patches of low-resolution pictures together with their ground truth, for training."""

import numpy as np
from numpy.typing import NDArray

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def augment(patch: NDArray, code: int) -> NDArray:
    """One of the eight symmetries of the square (``code`` 0 .. 7) of an (H, W, 3) patch."""
    patch = patch[::-1] if code & 1 else patch
    patch = patch[:, ::-1] if code & 2 else patch
    return patch.transpose(1, 0, 2) if code & 4 else patch


def draw_patches(pairs: list[Pair], count: int, side: int, scale: int, random: np.random.Generator) -> Pair:
    """Patches at random places of random pictures, each turned at random.

    Args:
        pairs: (low, high) pictures, (H, W, 3) and (scale * H, scale * W, 3) uint8, H and W at least ``side``.

    Returns:
        (count, side, side, 3) and (count, scale * side, scale * side, 3) uint8.
    """
    lows, highs = [], []
    for _ in range(count):
        low, high = pairs[random.integers(len(pairs))]
        y, x = random.integers(low.shape[0] - side + 1), random.integers(low.shape[1] - side + 1)
        code = int(random.integers(8))
        lows.append(augment(low[y : y + side, x : x + side], code))
        highs.append(augment(high[scale * y : scale * (y + side), scale * x : scale * (x + side)], code))
    return np.stack(lows), np.stack(highs)
