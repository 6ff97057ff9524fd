"""Factors by channel that balance both sides: what a factor takes from a channel's rounding error it gives to its weights'.

With factors f, taking rounding errors as uniform and independent, a value's readers have the output error

    gain . f^2 * step^2 / 12  +  sum over outputs o of gain_o * scale_o^2 / 12 * (power / f^2),

where step = max_c range_c / f_c / codes is the value's, scale_o = max_c |w_oc| f_c / magnitude a weight row's, and power what
rounding with feedback leaves of the value's. Factors by ranges alone (quant.fitting.equalize) see the first term.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tvm_srq.affine import per_weight
from tvm_srq.quant.fitting.equalize import STRENGTHS, Fit, Reading, by_strength, fit_equalized, sensitivity_to_channels
from tvm_srq.quant.policy.settings import Precision
from tvm_srq.quant.statistics.observers import SMALLEST_SHARE, Observer

CLIPPED = (1.0, 0.5, 0.25)  # shares of the extremes that codes may turn out to reach
STEPS = 200
RATE = 0.03  # of the factors' logarithms


def balanced_factors(
    widths: NDArray[np.float64], readings: Sequence[Reading], power: NDArray[np.float64], codes: float,
    start: NDArray[np.floating],
) -> NDArray[np.float32]:  # fmt: skip
    """(C,) factors of least expected error, the largest 1, found by descent from ``start``.

    Args:
        widths: (C,) of the channels' ranges, as far as codes reach.
        power: (C,) mean square of the channels.
        codes: how many steps reach over a range.
    """
    gain, reach = torch.tensor(sensitivity_to_channels(readings, len(widths))), torch.tensor(widths / codes)
    rows = [rows_of(reading, power) for reading in readings]
    logarithms = torch.tensor(np.log(start), dtype=torch.float64, requires_grad=True)
    descent = torch.optim.Adam([logarithms], lr=RATE)
    lowest, best = np.inf, start.astype(np.float64)
    for _ in range(STEPS):
        found = logarithms.exp()
        error = (gain @ found**2) * (reach / found).max() ** 2
        for row in rows:
            scales = (row.largest * found[row.channels]).amax(1)
            error = error + (row.counts * scales**2 * (row.power / found**2)[row.channels].sum(1)).sum()
        if error.item() < lowest:
            lowest, best = error.item(), found.detach().numpy().copy()
        descent.zero_grad()
        error.clamp(min=1e-300).log().backward()
        descent.step()
    return np.maximum(best / best.max(), SMALLEST_SHARE).astype(np.float32)


class Rows(NamedTuple):
    """A reading's kernels.

    Attributes:
        largest: (O, I) largest magnitudes; ``channels``: (O or 1, I) which channels they read.
        counts: (O,) what a squared error counts, of one code.
        power: (C,) what a channel's squares are, summed over taps.
    """

    largest: Tensor
    channels: Tensor
    counts: Tensor
    power: Tensor


def rows_of(reading: Reading, power: NDArray[np.float64]) -> Rows:
    shape = reading.weight.shape
    by_channel = power * shape[2] * shape[3] if reading.remaining is None else reading.remaining.sum((1, 2))
    largest = np.abs(reading.weight).max((2, 3)).astype(np.float64)
    channels = per_weight(np.arange(len(power)), shape)[:, :, 0, 0]
    counts = reading.counts / reading.precision.weight_magnitude**2
    return Rows(*(torch.tensor(array) for array in (largest, channels, counts, by_channel)))


def candidate_factors(
    widths: NDArray[np.float64], readings: Sequence[Reading], power: NDArray[np.float64], codes: float
) -> list[NDArray[np.float32]]:
    """By every strength, and balanced (arguments as :func:`balanced_factors` has them)."""
    by_ranges = [by_strength(widths, strength) for strength in STRENGTHS]
    start = widths**0.5 / np.maximum(largest_weights(readings, power), 1e-30) ** 0.5
    start = np.maximum(start / start.max(), SMALLEST_SHARE)
    return by_ranges + [balanced_factors(share * widths, readings, power, codes, start) for share in CLIPPED]


def largest_weights(readings: Sequence[Reading], power: NDArray[np.float64]) -> NDArray[np.float64]:
    """(C,) the largest magnitude that reads each channel, kept away from zero."""
    found = np.zeros(len(power))
    for reading in readings:
        row = rows_of(reading, power)
        np.maximum.at(found, np.broadcast_to(row.channels.numpy(), row.largest.shape), row.largest.numpy())
    return np.maximum(found, SMALLEST_SHARE * max(found.max(), 1e-30))


def fit_best_factors(observer: Observer, readings: Sequence[Reading], precision: Precision) -> Fit:
    """A dual region at the factors of least expected output error."""
    candidates = candidate_factors(observer.ranges(), readings, observer.power, 2.0**precision.activation_bits)
    return min((fit_equalized(observer, readings, precision, factors) for factors in candidates), key=lambda fit: fit.error)
