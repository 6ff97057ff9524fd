"""Colours under transparent pixels, which nobody chose and which must not bleed into what is seen."""

import numpy as np
from numpy.typing import NDArray

RINGS = 8  # of pixels around what is visible that continue it closely; farther off, blocks will do


def filled(colours: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours with those of fully transparent pixels made up from their neighbours; all others stay.

    A network's receptive field reaches over the edge of what is visible, and what it finds there decides the edge's colours.
    Next to what is visible a hidden pixel gets the mean of its neighbours, ring by ring; then the mean of the smallest block of
    2x2, 4x4, .. pixels around it that has any.

    Args:
        colours: (H, W, C). alpha: (H, W).
    """
    hidden = alpha == 0
    if not hidden.any() or hidden.all():
        return colours
    weights = np.pad(alpha[:, :, None].astype(np.float32) / 255, ((1, 1), (1, 1), (0, 0)))
    sums = np.pad(colours.astype(np.float32), ((1, 1), (1, 1), (0, 0))) * weights
    for _ in range(RINGS):
        add_ring(sums, weights)
    means = weighted_means(sums[1:-1, 1:-1], weights[1:-1, 1:-1])
    result = colours.copy()
    result[hidden] = np.floor(means[hidden] + 0.5)
    return result


def add_ring(sums: NDArray[np.floating], weights: NDArray[np.floating]) -> None:
    """Give pixels without weight that have neighbours with some the mean of these, with full weight.

    Args:
        sums: (H, W, C), of which the first and last row and column are margin. weights: (H, W, 1).
    """
    known = weights[:, :, 0] > 0
    wide = known[:-2] | known[1:-1] | known[2:]
    near = (wide[:, :-2] | wide[:, 1:-1] | wide[:, 2:]) & ~known[1:-1, 1:-1]
    rows, columns = np.nonzero(near)
    neighbours = [(rows + down, columns + right) for down in range(3) for right in range(3)]
    total = sum(weights[place] for place in neighbours)
    means = sum(sums[place] for place in neighbours) / total
    sums[rows + 1, columns + 1], weights[rows + 1, columns + 1] = means, 1


def weighted_means(sums: NDArray[np.floating], weights: NDArray[np.floating]) -> NDArray[np.floating]:
    """(H, W, C) sums over (H, W, 1) weights; where a weight is 0, those of the block around it.

    Halving the picture halves the edge at which blocks have no weight, so this ends, at one pixel if not before.
    """
    if weights.all():
        return sums / weights
    coarse = weighted_means(halved(sums), halved(weights))
    height, width = weights.shape[:2]
    around = coarse.repeat(2, axis=0)[:height].repeat(2, axis=1)[:, :width]
    return np.where(weights > 0, sums / np.maximum(weights, 1 / 512), around)


def halved(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """(H, W, C) -> (ceil(H / 2), ceil(W / 2), C): sums of 2x2; what is outside is 0."""
    height, width = values.shape[:2]
    even = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)))
    return even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
