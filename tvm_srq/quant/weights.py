"""Symmetric weights per output channel, zero exact: -magnitude .. magnitude."""

import numpy as np
from numpy.typing import NDArray

SHRINKINGS = np.linspace(1.0, 0.11, 90)


def quantize_weights(
    weight: NDArray[np.float32], magnitude: int, importance: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Quantize with, per channel, the bound of least squared error among 90 shrinkings of the largest magnitude.

    Args:
        weight: (O, I, kh, kw).
        magnitude: the largest code, 2**(b - 1) - 1 for b bits.
        importance: what each weight's squared error counts, broadcastable to ``weight``: the mean square of its input.

    Returns:
        Codes, same shape, and scales (O,); an all-zero channel has scale 1.
    """
    flat = weight.reshape(len(weight), -1).astype(np.float64)
    counted = 1.0 if importance is None else np.broadcast_to(importance, weight.shape).reshape(flat.shape)
    largest = np.abs(flat).max(1)
    largest[largest == 0] = magnitude
    best, lowest = largest / magnitude, np.full(len(flat), np.inf)
    for shrink in SHRINKINGS:
        scale = (shrink * largest / magnitude).astype(np.float32).astype(np.float64)
        scale = np.maximum(scale, np.finfo(np.float32).tiny)
        codes = np.clip(np.rint(flat / scale[:, None]), -magnitude, magnitude)
        error = (counted * (codes * scale[:, None] - flat) ** 2).sum(1)
        better = error < lowest
        best, lowest = np.where(better, scale, best), np.where(better, error, lowest)
    codes = np.clip(np.rint(flat / best[:, None]), -magnitude, magnitude).astype(np.int8)
    return codes.reshape(weight.shape), best.astype(np.float32)
