"""Numpy postprocessing for peers that cannot do it in their graphs."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def planes_to_picture(height: int, width: int) -> Callable[[NDArray[np.float32]], NDArray[np.uint8]]:
    """(3, height, width) float32 -> (height, width, 3) uint8, rounded half to even and clamped, in buffers kept."""
    rounded = np.empty((3, height, width), np.float32)
    pixels = np.empty((3, height, width), np.uint8)

    def convert(values: NDArray[np.float32]) -> NDArray[np.uint8]:
        np.rint(values, out=rounded)
        np.clip(rounded, 0, 255, out=rounded)
        np.copyto(pixels, rounded, casting="unsafe")
        return np.ascontiguousarray(pixels.transpose(1, 2, 0))

    return convert
