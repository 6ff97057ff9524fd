"""Uniform codes that every input channel uses in full: a range of its own, by a factor and a zero point per channel.

Channels differ in size and in sign: behind a ReLU all are positive, elsewhere many nearly are. With one zero point such a channel
leaves half of the codes unused, which costs a bit. A factor (quant.fitting.equalize) and a zero point per channel are free at
run time: the convolution that makes the codes requantizes by channel anyway, and what zero points add to the next one's sums is
a constant.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tvm_srq.quant.fitting.balanced import candidate_factors
from tvm_srq.quant.fitting.equalize import Fit, Reading, sensitivity_to_channels, weights_error
from tvm_srq.quant.policy.settings import Precision
from tvm_srq.quant.statistics.observers import SMALLEST_SHARE, Observer
from tvm_srq.spec import GridQuantizer

SHARES = (1.0, 1.2, 1.1, 0.9, 0.8, 0.7, 0.6)  # of the calibrated extremes
Choose = Callable[[list[Fit]], Fit]
"""Candidates -> the one of least output error (quant.fitting.output_choice)."""
FEWEST_BITS = 6  # narrower codes are dual regions, which lie around zero


@dataclass(frozen=True)
class Ranges:
    """(C,) float64 ends of every channel's range, zero within; ``width`` is kept away from zero.

    Attributes:
        bounds: no value lies beyond them: codes that do not either need no clamp before them.
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    bounds: tuple[float, float] = (-np.inf, np.inf)

    @property
    def width(self) -> NDArray[np.float64]:
        width = self.upper - self.lower
        return np.maximum(width, SMALLEST_SHARE * max(width.max(), 1e-6))


def ranges(observer: Observer, share: float) -> Ranges:
    """A share of the calibrated extremes, within the value's bounds."""
    lower, upper = (share * end.astype(np.float64) for end in (np.minimum(observer.minima, 0), np.maximum(observer.maxima, 0)))
    least, most = observer.bounds
    return Ranges(np.maximum(lower, min(least, 0)), np.minimum(upper, max(most, 0)), observer.bounds)


def code_ends(precision: Precision) -> tuple[int, int]:
    """Lowest and highest decoded value: as many around zero as bits and magnitude allow."""
    most = precision.activation_magnitude
    count = 2**precision.activation_bits if most is None else min(2**precision.activation_bits, 2 * most + 1)
    return -(count // 2), count - 1 - count // 2


def place(
    channels: Ranges, precision: Precision, factors: NDArray[np.float32]
) -> tuple[GridQuantizer, NDArray[np.int16]]:
    """Quantizer and zero points: some channel fills all codes, or several do.

    A channel that is narrower than the codes lies in their middle; one with no negative values starts at the lowest code, so
    that clipping is its ReLU.
    """
    low, high = code_ends(precision)
    step = float(np.float32((channels.width / factors).max() / (high - low)))
    below, above = -channels.lower / (step * factors), channels.upper / (step * factors)
    spare = np.where(below > 0, np.maximum(high - low - below - above, 0) / 2, 0)
    least, most = (bound / (step * factors) for bound in channels.bounds)
    inside = np.clip(low + below + spare, high - most, np.maximum(low - least, high - most))
    zero_point = np.clip(np.rint(inside), low, high).astype(np.int16)
    levels = np.arange(low, high + 1, dtype=np.int16)
    return GridQuantizer(precision.activation_bits, step, low, levels), zero_point


def fit_placed(
    observer: Observer, readings: Sequence[Reading], precision: Precision, factors: NDArray[np.float32], shares: Sequence[float]
) -> list[Fit]:
    """One fit for each share of the calibrated extremes, with the output error to be expected."""
    fits: list[Fit] = []
    gain = sensitivity_to_channels(readings, len(observer.minima))
    samples = np.concatenate(observer.samples, 1).astype(np.float64)
    error = weights_error(readings, factors, observer.power)
    for share in shares:
        quantizer, zero_point = place(ranges(observer, share), precision, factors)
        difference = quantized(samples, quantizer, factors, zero_point) - samples
        expected = error + float(gain @ (difference**2).mean(1))
        fits.append(Fit(quantizer, factors, expected, zero_point))
    return fits


def quantized(
    samples: NDArray, quantizer: GridQuantizer, factors: NDArray[np.float32], zero_point: NDArray[np.int16]
) -> NDArray[np.float64]:
    """(C, n) values, quantized and decoded."""
    steps = (quantizer.step * factors.astype(np.float64))[:, None]
    zeros = zero_point.astype(np.float64)[:, None]
    return np.clip(np.rint(samples / steps), quantizer.low - zeros, quantizer.high - zeros) * steps


def fit_by_output(observer: Observer, readings: Sequence[Reading], precision: Precision, choose: Choose) -> Fit:
    """Factors, then share, of least output error on held-out pictures."""
    candidates = placed_factors(observer, readings, precision)
    chosen = choose([fit_placed(observer, readings, precision, factors, SHARES[:1])[0] for factors in candidates])
    return choose(fit_placed(observer, readings, precision, chosen.equalization, SHARES))


def fit_best_placed(observer: Observer, readings: Sequence[Reading], precision: Precision) -> Fit:
    """Factors and share of least expected output error."""
    candidates = placed_factors(observer, readings, precision)
    fits = [fit for factors in candidates for fit in fit_placed(observer, readings, precision, factors, SHARES)]
    return min(fits, key=lambda fit: fit.error)


def placed_factors(observer: Observer, readings: Sequence[Reading], precision: Precision) -> list[NDArray[np.float32]]:
    low, high = code_ends(precision)
    return candidate_factors(ranges(observer, 1.0).width, readings, observer.power, high - low)
