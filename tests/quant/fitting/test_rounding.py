"""Rounding with feedback: never worse than to nearest, exact where nothing is correlated."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from tvm_srq.quant.fitting.rounding import PatchMoments, output_error, round_with_feedback


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
