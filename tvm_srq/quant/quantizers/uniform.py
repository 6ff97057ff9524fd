"""Uniform activation quantizers on a grid that holds zero: min-max, percentile, least squares."""

import numpy as np
from numpy.typing import NDArray

from tvm_srq.quant.statistics.observers import Observer
from tvm_srq.spec import GridQuantizer

SMALLEST_STEP = 1e-7
SHRINKINGS = np.linspace(1.0, 0.11, 90)  # the release's 90 candidates


def uniform_quantizer(lower: float, upper: float, bits: int) -> GridQuantizer:
    """2**bits equal steps over [lower, upper], widened to hold zero."""
    lower, upper = min(lower, 0.0), max(upper, 0.0)
    step = float(np.float32(max((upper - lower) / (2**bits - 1), SMALLEST_STEP)))
    low = int(np.rint(lower / step))
    return GridQuantizer(bits, step, low, np.arange(low, low + 2**bits, dtype=np.int16))


def bounded_quantizer(lower: float, upper: float, magnitude: int) -> GridQuantizer:
    """Equal steps over [lower, upper], widened to hold zero, as many as |m| <= magnitude allows."""
    lower, upper = min(lower, 0.0), max(upper, 0.0)
    step = float(np.float32(max(max(upper, -lower) / magnitude, SMALLEST_STEP)))
    low, high = max(int(np.rint(lower / step)), -magnitude), min(int(np.rint(upper / step)), magnitude)
    levels = np.arange(low, max(high, low + 1) + 1, dtype=np.int16)
    return GridQuantizer(max(int(len(levels) - 1).bit_length(), 1), step, low, levels)


def ranged_quantizer(lower: float, upper: float, bits: int, magnitude: int | None) -> GridQuantizer:
    """The finest equal steps over [lower, upper] within 2**bits codes and, unless None, |m| <= magnitude."""
    free = uniform_quantizer(lower, upper, bits)
    if magnitude is None or free.magnitude <= magnitude:
        return free
    return bounded_quantizer(lower, upper, magnitude)


def quantize(values: NDArray, quantizer: GridQuantizer) -> NDArray[np.float64]:
    """Quantize and decode: real values in, the nearest representable ones out, float64."""
    index = np.clip(np.rint(values / quantizer.step), quantizer.low, quantizer.high).astype(np.int64)
    return quantizer.levels[index - quantizer.low].astype(np.float64) * quantizer.step


def squared_error(quantizer: GridQuantizer, values: NDArray, weights: NDArray) -> float:
    """Weighted mean squared error over a histogram."""
    return float(weights @ (quantize(values, quantizer) - values) ** 2)


def fit_minmax(observer: Observer, bits: int, magnitude: int | None = None) -> GridQuantizer:
    return ranged_quantizer(observer.minimum, observer.maximum, bits, magnitude)


def fit_percentile(observer: Observer, bits: int, magnitude: int | None = None, share: float = 0.999) -> GridQuantizer:
    return ranged_quantizer(*observer.percentile(share), bits, magnitude)


def fit_least_squares(
    observer: Observer, bits: int, magnitude: int | None = None, importance: NDArray[np.float64] | None = None
) -> GridQuantizer:
    """The range of least squared error, each end shrunk on its own (alternating line searches)."""
    values, weights = observer.histogram(importance)
    lower, upper = min(observer.minimum, 0.0), max(observer.maximum, 0.0)
    best: tuple[float, ...] = (1.0, 1.0)
    for _ in range(2):
        for end in (0, 1):
            candidates = [tuple(s if i == end else best[i] for i in (0, 1)) for s in SHRINKINGS]
            quantizers = [ranged_quantizer(a * lower, b * upper, bits, magnitude) for a, b in candidates]
            errors = [squared_error(quantizer, values, weights) for quantizer in quantizers]
            best = candidates[int(np.argmin(errors))]
    return ranged_quantizer(best[0] * lower, best[1] * upper, bits, magnitude)
