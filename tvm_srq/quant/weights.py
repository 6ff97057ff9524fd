"""Symmetric weights per output channel, zero exact: -(2**(b-1) - 1) .. 2**(b-1) - 1."""

import numpy as np
from numpy.typing import NDArray

SHRINKINGS = np.linspace(1.0, 0.11, 90)


def quantize_weights(weight: NDArray[np.float32], bits: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Quantize with, per channel, the bound of least squared error among 90 shrinkings of the largest magnitude.

    Args:
        weight: (O, I, kh, kw).
        bits: 2..8.

    Returns:
        Codes, same shape, and scales (O,); an all-zero channel has scale 1.
    """
    top = 2 ** (bits - 1) - 1
    flat = weight.reshape(len(weight), -1).astype(np.float64)
    largest = np.abs(flat).max(1)
    largest[largest == 0] = top
    best, lowest = largest / top, np.full(len(flat), np.inf)
    for shrink in SHRINKINGS:
        scale = (shrink * largest / top).astype(np.float32).astype(np.float64)
        scale = np.maximum(scale, np.finfo(np.float32).tiny)
        codes = np.clip(np.rint(flat / scale[:, None]), -top, top)
        error = ((codes * scale[:, None] - flat) ** 2).sum(1)
        better = error < lowest
        best, lowest = np.where(better, scale, best), np.where(better, error, lowest)
    codes = np.clip(np.rint(flat / best[:, None]), -top, top).astype(np.int8)
    return codes.reshape(weight.shape), best.astype(np.float32)
