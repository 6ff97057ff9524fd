"""Factors that balance rounding errors of a value and of the weights that read it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tvm_srq.quant.fitting.balanced import (
    balanced_factors,
    candidate_factors,
    expected_error,
    fit_best_factors,
    largest_weights,
    row_of,
)
from tvm_srq.quant.fitting.equalize import STRENGTHS, Reading, by_strength, factors, fit_equalized, sensitivity_to_channels
from tvm_srq.quant.policy.settings import Precision
from tvm_srq.quant.statistics.observers import SMALLEST_SHARE, Observer

FOUR, EIGHT = Precision(4, 7, 4, 31), Precision(8, 127, 8, None)


def expected(found: np.ndarray, widths: np.ndarray, reading: Reading, power: np.ndarray, codes: float) -> float:
    """The equation of the module, for weights of one group."""
    step = (widths / found).max() / codes
    of_value = sensitivity_to_channels([reading], len(widths)) @ found**2 * step**2
    scales = np.abs(reading.weight * found[:, None, None]).max((1, 2, 3)) / reading.precision.weight_magnitude
    taps = reading.weight.shape[2] ** 2
    return float(of_value + (reading.counts * scales**2).sum() * taps * (power / found**2).sum())


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**31), st.sampled_from([FOUR, EIGHT]))
def test_the_expected_error_is_no_larger_than_by_any_strength(seed, precision):
    generator = np.random.default_rng(seed)
    widths, uneven = np.exp(generator.normal(0, 1.5, 6)), np.exp(generator.normal(0, 1.5, (1, 6, 1, 1)))
    weight = (generator.normal(size=(5, 6, 3, 3)) * uneven).astype(np.float32)
    reading, power = Reading(weight, precision, np.exp(generator.normal(0, 1, 5))), widths**2 / 9
    codes = 2.0**precision.activation_bits - 1
    found = candidate_factors(widths, [reading], power, codes)
    errors = [expected(f.astype(np.float64), widths, reading, power, codes) for f in found]
    assert len(found) > len(STRENGTHS) and errors[len(STRENGTHS)] <= 1.01 * min(errors)
    for f in found:
        assert f.dtype == np.float32 and f.max() == 1 and f.min() >= np.float32(SMALLEST_SHARE)


def test_even_channels_and_weights_stay_even():
    even, weight = np.ones(4), np.ones((3, 4, 1, 1), np.float32)
    reading = Reading(weight, FOUR)
    found = balanced_factors(even / 15, sensitivity_to_channels([reading], 4), [row_of(reading, even)], even)
    assert found == pytest.approx(even, rel=0.1)


@pytest.mark.parametrize("groups", [1, 2])
def test_slopes_are_the_errors_differences(groups):
    generator = np.random.default_rng(0)
    weight = generator.normal(size=(6, 4 // groups, 3, 3)).astype(np.float32)
    reading, power = Reading(weight, FOUR, np.exp(generator.normal(size=6))), np.exp(generator.normal(size=4))
    reach, gain, rows = np.exp(generator.normal(size=4)), sensitivity_to_channels([reading], 4), [row_of(reading, power)]
    logarithms = generator.normal(size=4)
    _, slope = expected_error(np.exp(logarithms), reach, gain, rows)
    for channel, step in enumerate(1e-6 * np.eye(4)):
        above, below = (expected_error(np.exp(logarithms + sign * step), reach, gain, rows)[0] for sign in (1, -1))
        assert slope[channel] == pytest.approx((above - below) / 2e-6, rel=1e-4)


def test_rows_of_groups_read_their_own_channels():
    weight = np.arange(1, 9, dtype=np.float32).reshape(4, 2, 1, 1)
    row = row_of(Reading(weight, FOUR), np.ones(4))
    assert row.channels.tolist() == [[0, 1], [0, 1], [2, 3], [2, 3]]
    assert largest_weights([row], 4).tolist() == [3, 4, 7, 8]
    assert row.power.tolist() == [1, 1, 1, 1]
    remaining = np.full((2, 3, 3), 0.5)
    assert row_of(Reading(np.ones((1, 2, 3, 3), np.float32), FOUR, remaining=remaining), np.ones(2)).power.tolist() == [4.5, 4.5]


def test_the_fit_is_the_best_of_its_candidates():
    observer, generator = Observer(), torch.Generator().manual_seed(0)
    uneven = torch.tensor([8.0, 4, 2, 1])[:, None, None]
    observer.update(torch.randn(1, 4, 32, 32, generator=generator).relu() * uneven, generator)
    weight = np.random.default_rng(0).normal(size=(8, 4, 3, 3)).astype(np.float32)
    readings = [Reading(weight, FOUR)]
    best = fit_best_factors(observer, readings, FOUR)
    others = [fit_equalized(observer, readings, FOUR, factors(observer, strength)) for strength in STRENGTHS]
    assert best.error <= min(fit.error for fit in others)
    assert np.array_equal(factors(observer, 0.5), by_strength(observer.ranges(), 0.5))
