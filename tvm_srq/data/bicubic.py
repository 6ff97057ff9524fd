"""MATLAB's ``imresize(..., 'bicubic')`` for shrinking, exact to the byte."""

from functools import cache

import numpy as np
from numpy.typing import NDArray


def cubic_kernel(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic convolution kernel with a = -0.5."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


@cache
def resize_weights(length: int, out_length: int, scale: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Source indices and weights of every output position along one axis, both (out_length, taps).

    The kernel is widened by 1/scale when shrinking (antialiasing); borders are mirrored (symmetric padding).
    """
    shrink = min(scale, 1.0)
    width = 4.0 / shrink
    centre = np.arange(1, out_length + 1) / scale + 0.5 * (1 - 1 / scale)
    left = np.floor(centre - width / 2)
    taps = int(np.ceil(width)) + 2
    index = left[:, None] + np.arange(taps)
    weights = shrink * cubic_kernel(shrink * (centre[:, None] - index))
    weights /= weights.sum(1, keepdims=True)
    mirror = np.concatenate([np.arange(length), np.arange(length)[::-1]])
    return mirror[(index.astype(np.int64) - 1) % (2 * length)], weights


def resize_axis(picture: NDArray, axis: int, out_length: int, scale: float) -> NDArray[np.float64]:
    index, weights = resize_weights(picture.shape[axis], out_length, scale)
    moved = np.moveaxis(picture.astype(np.float64), axis, 0)
    result = np.zeros((out_length, *moved.shape[1:]))
    for tap in range(index.shape[1]):
        result += moved[index[:, tap]] * weights[:, tap].reshape(-1, *[1] * (moved.ndim - 1))
    return np.moveaxis(result, 0, axis)


def round_to_uint8(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Round halves away from zero, as MATLAB does, and clamp."""
    return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)


def resize_bicubic(picture: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """Resize an (H, W, C) or (H, W) uint8 picture as MATLAB does: rows, rounding to uint8, then columns."""
    height, width = (int(np.ceil(n * scale)) for n in picture.shape[:2])
    rows = round_to_uint8(resize_axis(picture, 0, height, scale))
    return round_to_uint8(resize_axis(rows, 1, width, scale))
