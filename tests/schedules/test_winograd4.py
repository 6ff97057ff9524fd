"""Winograd F(4x4, 3x3) on integers: its transforms, its range proof, and its kernel where both are at their limits."""

from dataclasses import replace

import numpy as np
import pytest
from harness import CompiledKernel, Style, check, random_case
from hypothesis import given
from hypothesis import strategies as st
from processor import runs_here

from schedules.cpu.winograd4_transforms import INPUT_GROWTH, INVERSE_OF_9, SHIFT, WEIGHT_GROWTH, B, transform_weights
from schedules.registry import select
from schedules.workload import Convolution, Kernel
from schedules.x86.winograd4 import winograd4_rule
from tvm_srq.targets import PRESETS

A = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 4]])
MOST = 229  # channels whose sums of 8-bit products fit 26 bits
LARGEST = Convolution(MOST, 32, 3, in_halo=1, codes="uniform", in_magnitude=128, packable=True)


@given(st.integers(0, 2**32 - 1), st.sampled_from([-128, 127, None]), st.sampled_from([-127, 127, None]))
def test_the_transforms_give_the_convolution_modulo_2_to_32(seed, code, weight):
    random = np.random.default_rng(seed)
    codes = random.integers(-128, 128, (6, 6)) if code is None else np.full((6, 6), code)
    weights = random.integers(-127, 128, (3, 3)) if weight is None else np.full((3, 3), weight)
    products = (B @ codes @ B.T) * transform_weights(weights[None, None])[..., 0, 0]
    divided = ((A @ products @ A.T) * INVERSE_OF_9).astype(np.uint32).astype(np.int32) >> SHIFT
    windows = np.lib.stride_tricks.sliding_window_view(codes, (3, 3))
    assert np.array_equal(divided, (windows * weights).sum((2, 3)))


def test_growth_is_what_signs_at_their_worst_reach():
    worst = np.sign(np.outer(B[1], B[1])) * 128
    assert np.abs(B @ worst @ B.T).max() == 128 * INPUT_GROWTH < 2**15
    assert np.abs(transform_weights(np.full((1, 1, 3, 3), 127))).max() == 127 * WEIGHT_GROWTH < 2**15


def test_a_bias_reaches_one_position_and_fits_int16_with_it():
    reached = np.outer(B.sum(1), B.sum(1))
    assert np.argwhere(reached).tolist() == [[1, 1]] and reached[1, 1] * 128 + 128 * INPUT_GROWTH < 2**15


@pytest.mark.parametrize(("change", "reason"), [
    ({"kernel": 5}, "not a plain 3x3"), ({"groups": 2}, "not a plain 3x3"), ({"reads_picture": True}, "fewer than 32"),
    ({"writes_picture": True, "codes": "none", "out_channels": 12}, "12 values of the picture"),
    ({"in_channels": 16}, "fewer than 32 input channels"),
    ({"in_channels": MOST + 1}, "may leave 26 bits"), ({"weight_magnitude": 228, "in_channels": 64}, "may leave int16"),
    ({"packable": False}, "before they are clipped"), ({"out_channels": 16}, "vectors of 32 or 48"),
])  # fmt: skip
def test_other_layers_are_refused_with_one_clause(change, reason):
    assert reason in winograd4_rule(replace(LARGEST, **change))


@pytest.mark.parametrize(("change", "name"), [
    ({}, "winograd4.vnni"), ({"in_magnitude": 31, "weight_magnitude": 14}, "winograd.vnni"), ({"in_channels": 16}, "direct.vnni"),
    ({"in_magnitude": 31, "weight_magnitude": 15}, "winograd4.vnni"),
    ({"in_magnitude": 31, "weight_magnitude": 31, "transformed_weight": 127}, "winograd.vnni"),
    ({"in_magnitude": 31, "weight_magnitude": 31, "transformed_weight": 128}, "winograd4.vnni"),
])  # fmt: skip
def test_it_serves_what_the_smaller_tiles_do_not(change, name):
    assert select(replace(LARGEST, **change), PRESETS["x86-64-v4"].rules).kernel.name == name


@pytest.mark.skipif(not runs_here("x86-64-v4"), reason="this processor does not run x86-64-v4")
def test_the_most_channels_at_extremes_on_odd_maps():
    kernel, preset = winograd4_rule(LARGEST), PRESETS["x86-64-v4"]
    assert isinstance(kernel, Kernel)
    compiled = CompiledKernel(kernel, LARGEST, preset.layout, preset.target)
    for height, width in ((1, 1), (1, 5), (2, 3), (5, 1), (4, 49), (9, 70)):
        for codes in ("lowest", "highest", "checkerboard"):
            for weights in ("lowest", "highest", "alternating"):
                check(compiled, random_case(LARGEST, height, width, 3, Style(codes, weights)))
