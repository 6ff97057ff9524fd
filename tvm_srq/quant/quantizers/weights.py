"""Symmetric weights per output channel, zero exact: -magnitude .. magnitude, of 3x3 kernels that Winograd takes if wanted."""

import numpy as np
from numpy.typing import NDArray

from tvm_srq.winograd_range import INT8, ROUNDING, largest_transformed, shrink_into_range

SHRINKINGS = np.linspace(1.0, 0.11, 90)


def quantize_weights(
    weight: NDArray[np.float32], magnitude: int, importance: NDArray[np.float64] | None = None, winograd: bool = False
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Quantize with, per channel, the bound of least squared error among 90 shrinkings of the largest magnitude.

    Args:
        weight: (O, I, kh, kw).
        magnitude: the largest code, 2**(b - 1) - 1 for b bits.
        winograd: keep the (3x3) kernels where exact Winograd takes them in int8.
        importance: what each weight's squared error counts, broadcastable to ``weight``: the mean square of its input.

    Returns:
        Codes, same shape, and scales (O,); an all-zero channel has scale 1.
    """
    exact = weight.astype(np.float64)
    counted = 1.0 if importance is None else importance
    largest = np.abs(exact).max((1, 2, 3)) / magnitude
    if winograd:
        largest = np.maximum(largest, largest_transformed(exact).max(1) / (INT8 - ROUNDING))
    largest[largest == 0] = 1
    best, lowest = largest, np.full(len(exact), np.inf)
    for shrink in SHRINKINGS:
        scale = np.maximum((shrink * largest).astype(np.float32).astype(np.float64), np.finfo(np.float32).tiny)
        units = scale[:, None, None, None]
        codes = nearest_codes(exact / units, magnitude, winograd)
        error = (counted * (codes * units - exact) ** 2).sum((1, 2, 3))
        better = error < lowest
        best, lowest = np.where(better, scale, best), np.where(better, error, lowest)
    codes = nearest_codes(exact / best[:, None, None, None], magnitude, winograd)
    return codes.astype(np.int8), best.astype(np.float32)


def nearest_codes(unrounded: NDArray[np.float64], magnitude: int, winograd: bool) -> NDArray[np.float64]:
    """(O, I, kh, kw) weights in units of their scale, rounded within the range."""
    clipped = np.clip(unrounded, -magnitude, magnitude)
    return np.rint(shrink_into_range(clipped) if winograd else clipped)
