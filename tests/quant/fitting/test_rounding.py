"""Rounding with feedback: never worse than to nearest, exact where nothing is correlated."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from tvm_srq.quant.fitting.rounding import PatchMoments, output_error, remaining_power, round_with_feedback


def test_moments_are_those_of_zero_padded_patches():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(1, 2, 1, 1, generator=generator)
    moments = PatchMoments(3)
    moments.update(values, generator)
    patch = functional.unfold(values, 3, padding=1)[0]
    assert np.allclose(moments.mean, (patch @ patch.T).numpy(), atol=1e-6)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31))
def test_feedback_is_never_worse_than_nearest_and_stays_in_range(seed):
    generator = np.random.default_rng(seed)
    patches = (generator.normal(size=(200, 1)) + 0.3 * generator.normal(size=(200, 18))).astype(np.float32)
    moments = patches.T @ patches / 200
    weight = generator.normal(0, 3, (4, 2, 3, 3)).astype(np.float32)
    codes = round_with_feedback(weight, 7, moments)
    assert np.abs(codes).max() <= 7
    nearest = np.clip(np.rint(weight), -7, 7)
    assert output_error(codes - weight, moments) <= output_error(nearest - weight, moments)


def test_correlated_inputs_gain_much_and_uncorrelated_ones_round_to_nearest():
    generator = np.random.default_rng(0)
    weight = generator.normal(0, 2, (8, 4, 3, 3)).astype(np.float32)
    nearest = np.clip(np.rint(weight), -7, 7)
    assert np.array_equal(round_with_feedback(weight, 7, np.eye(36, dtype=np.float32)), nearest)
    moments = np.ones((36, 36), np.float32) + 0.01 * np.eye(36, dtype=np.float32)
    codes = round_with_feedback(weight, 7, moments)
    assert output_error(codes - weight, moments) < 0.3 * output_error(nearest - weight, moments)


def test_an_input_that_is_always_zero_rounds_to_nearest():
    weight = np.full((1, 1, 1, 1), 2.4, np.float32)
    assert round_with_feedback(weight, 7, np.zeros((1, 1), np.float32)).item() == 2


def test_feedback_leaves_the_part_of_an_input_that_others_do_not_tell():
    apart = remaining_power(np.diag(np.array([4.0, 9.0, 1.0], np.float32)))
    assert apart == pytest.approx([4, 9, 1], rel=0.05)  # by damping
    alike = remaining_power(np.ones((3, 3), np.float32) + 0.01 * np.eye(3, dtype=np.float32))
    assert alike[2] == pytest.approx(1, rel=0.05) and (alike[:2] < 0.1).all()  # the last one has no later one to make up for it


def test_the_error_that_is_left_is_what_rounding_makes():
    generator = np.random.default_rng(0)
    patches = (generator.normal(size=(500, 1)) + 0.3 * generator.normal(size=(500, 18))).astype(np.float32)
    moments = patches.T @ patches / 500
    weight = generator.normal(0, 20, (64, 2, 3, 3)).astype(np.float32)
    error = output_error(round_with_feedback(weight, 127, moments) - weight, moments)
    assert error == pytest.approx(64 * remaining_power(moments).sum() / 12, rel=0.15)
