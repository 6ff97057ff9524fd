"""Colours under transparent pixels, which nobody chose and which must not bleed into what is seen."""

import numpy as np
from numpy.typing import NDArray


def filled(colours: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours with those of fully transparent pixels made up from their neighbours; all others stay.

    A network's receptive field reaches over the edge of what is visible, and what it finds there decides the edge's colours.
    Means of visible pixels are taken over blocks of 2x2, 4x4, .. and each hidden pixel gets the smallest block's that has any.

    Args:
        colours: (H, W, C). alpha: (H, W).
    """
    hidden = alpha == 0
    if not hidden.any() or hidden.all():
        return colours
    weights = alpha[:, :, None].astype(np.float32) / 255
    means = weighted_means(colours * weights, weights)
    result = colours.copy()
    result[hidden] = np.floor(means[hidden] + 0.5)
    return result


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
