"""Factors by channel that balance both sides: what a factor takes from a channel's rounding error it gives to its weights'.

With factors f, taking rounding errors as uniform and independent, a value's readers have the output error

    gain . f^2 * step^2 / 12  +  sum over outputs o of gain_o * scale_o^2 / 12 * (power / f^2),

where step = max_c range_c / f_c / codes is the value's, scale_o = max_c |w_oc| f_c / magnitude a weight row's, and power what
rounding with feedback leaves of the value's. Factors by ranges alone (quant.fitting.equalize) see the first term.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tvm_srq.affine import per_weight
from tvm_srq.quant.fitting.equalize import STRENGTHS, Fit, Reading, by_strength, fit_equalized, sensitivity_to_channels
from tvm_srq.quant.policy.settings import Precision
from tvm_srq.quant.statistics.observers import SMALLEST_SHARE, Observer

CLIPPED = (1.0, 0.5, 0.25)  # shares of the extremes that codes may turn out to reach
STEPS = 100
RATE = 0.05  # of the factors' logarithms
DECAYS = 0.9, 0.99  # of the descent's averages (Adam, Kingma and Ba, ICLR 2015)


class Row(NamedTuple):
    """A reading's kernels.

    Attributes:
        largest: (O, I) largest magnitudes; ``channels``: (O or 1, I) which channels they read.
        counts: (O,) what a squared error counts, of one code.
        power: (C,) what a channel's squares are, summed over taps.
    """

    largest: NDArray[np.float64]
    channels: NDArray[np.intp]
    counts: NDArray[np.float64]
    power: NDArray[np.float64]


def row_of(reading: Reading, power: NDArray[np.float64]) -> Row:
    shape = reading.weight.shape
    by_channel = power * shape[2] * shape[3] if reading.remaining is None else reading.remaining.sum((1, 2))
    largest = np.abs(reading.weight).max((2, 3)).astype(np.float64)
    channels = per_weight(np.arange(len(power)), shape)[:, :, 0, 0]
    return Row(largest, channels, reading.counts / reading.precision.weight_magnitude**2, by_channel)


def balanced_factors(
    reach: NDArray[np.float64], gain: NDArray[np.float64], rows: Sequence[Row], start: NDArray[np.floating]
) -> NDArray[np.float32]:
    """(C,) factors of least expected error, the largest 1, found by descent from ``start``.

    Args:
        reach: (C,) widths of the channels' ranges, as far as codes reach, by the number of codes.
        gain: (C,) what a channel's squared error counts (quant.fitting.equalize.sensitivity_to_channels).
    """
    logarithms = np.log(start.astype(np.float64))
    lowest, best = np.inf, logarithms
    mean, square = np.zeros_like(logarithms), np.zeros_like(logarithms)
    for step in range(1, STEPS + 1):
        error, slope = expected_error(np.exp(logarithms), reach, gain, rows)
        if error < lowest:
            lowest, best = error, logarithms
        slope = slope / max(error, 1e-300)
        mean, square = (d * old + (1 - d) * new for d, old, new in zip(DECAYS, (mean, square), (slope, slope**2)))
        change = mean / (1 - DECAYS[0] ** step) / (np.sqrt(square / (1 - DECAYS[1] ** step)) + 1e-8)
        logarithms = logarithms - RATE * change
    return largest_one(np.exp(best - best.max())).astype(np.float32)


def largest_one(found: NDArray[np.float64]) -> NDArray[np.float64]:
    """Factors by the largest of them, kept away from zero."""
    return np.maximum(found / found.max(), SMALLEST_SHARE)


def expected_error(
    found: NDArray[np.float64], reach: NDArray[np.float64], gain: NDArray[np.float64], rows: Sequence[Row]
) -> tuple[float, NDArray[np.float64]]:
    """Twelve times the module's equation at factors ``found``, and its (C,) slopes by their logarithms."""
    widest = int((reach / found).argmax())
    slope = 2 * gain * found**2 * (reach[widest] / found[widest]) ** 2
    error = slope.sum() / 2
    slope[widest] -= 2 * error
    for row in rows:
        folded = row.largest * found[row.channels]
        outputs, largest = np.arange(len(folded)), folded.argmax(1)
        scales = row.counts * folded[outputs, largest] ** 2
        seen = (row.power / found**2)[row.channels]
        of_outputs = scales * seen.sum(1)
        error += of_outputs.sum()
        channels = np.broadcast_to(row.channels, folded.shape)
        np.add.at(slope, channels[outputs, largest], 2 * of_outputs)
        if len(row.channels) == 1:
            slope -= 2 * scales.sum() * seen[0]
        else:
            np.subtract.at(slope, channels, 2 * scales[:, None] * seen)
    return float(error), slope


def candidate_factors(
    widths: NDArray[np.float64], readings: Sequence[Reading], power: NDArray[np.float64], codes: float
) -> list[NDArray[np.float32]]:
    """By every strength, and balanced.

    Args:
        widths: (C,) of the channels' ranges.
        power: (C,) mean square of the channels.
        codes: how many steps reach over a range.
    """
    by_ranges = [by_strength(widths, strength) for strength in STRENGTHS]
    gain, rows = sensitivity_to_channels(readings, len(widths)), [row_of(reading, power) for reading in readings]
    start = largest_one(widths**0.5 / largest_weights(rows, len(widths)) ** 0.5)
    return by_ranges + [balanced_factors(share * widths / codes, gain, rows, start) for share in CLIPPED]


def largest_weights(rows: Sequence[Row], count: int) -> NDArray[np.float64]:
    """(C,) the largest magnitude that reads each channel, kept away from zero."""
    found = np.zeros(count)
    for row in rows:
        np.maximum.at(found, np.broadcast_to(row.channels, row.largest.shape), row.largest)
    return np.maximum(found, SMALLEST_SHARE * max(found.max(), 1e-30))


def fit_candidates(observer: Observer, readings: Sequence[Reading], precision: Precision) -> list[Fit]:
    """A dual region at each of the candidates' factors."""
    candidates = candidate_factors(observer.ranges(), readings, observer.power, 2.0**precision.activation_bits)
    return [fit_equalized(observer, readings, precision, factors) for factors in candidates]


def fit_best_factors(observer: Observer, readings: Sequence[Reading], precision: Precision) -> Fit:
    """The one of least expected output error."""
    return min(fit_candidates(observer, readings, precision), key=lambda fit: fit.error)
