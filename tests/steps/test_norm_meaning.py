"""Layer and group norm: their formula in exact fractions, small cases by hand, and PyTorch's norms of the same values."""

from fractions import Fraction
from math import isqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch.nn import functional

from tvm_srq.steps import GroupNorm, LayerNorm

VALUES = st.one_of(st.integers(-32768, 32767), st.integers(-3, 3), st.sampled_from([-32768, -1, 0, 1, 32767]))
SETTINGS = settings(deadline=None, max_examples=100)
EPSILONS = st.sampled_from([0.0, 1e-6, 1e-5, 1e-3, 0.5])
STREAM_STEPS = st.sampled_from([1e-6, 1e-4, 1 / 4096, 0.1])
MAPS = arrays(np.int32, st.tuples(st.sampled_from([1, 2, 6, 12]), *[st.integers(1, 5)] * 2), elements=VALUES)


def layer_norm(value, epsilon, step, gain):
    return LayerNorm(epsilon * (len(value) / step) ** 2, gain).run([torch.from_numpy(value)]).numpy()


def group_norm(value, groups, epsilon, step, gain):
    return GroupNorm(groups, epsilon / step**2, gain).run([torch.from_numpy(value)]).numpy()


def exactly(values: np.ndarray, epsilon: float, step: float, gain: float) -> list[float]:
    """(n,) normalized and in the output's steps, without rounding errors that matter."""
    exact = [Fraction(int(v)) * Fraction(step) for v in values]
    mean = sum(exact) / len(exact)
    variance = sum((v - mean) ** 2 for v in exact) / len(exact) + Fraction(epsilon)
    root = Fraction(isqrt(int(variance * 2**400)), 2**200)
    return [float((v - mean) / root * Fraction(gain)) if root else 0.0 for v in exact]


def is_rounded(result: np.ndarray, expected: np.ndarray) -> bool:
    """Whether integers are the nearest ones within a stream, but for errors of float64."""
    return bool((np.abs(result - np.clip(expected, -32768, 32767)) <= 0.5 + 1e-6).all())


@SETTINGS
@given(MAPS, EPSILONS, STREAM_STEPS, st.sampled_from([1.0, 1000.0, 12345.6]))
def test_layer_norm_is_the_exact_one_rounded(value, epsilon, step, gain):
    result = layer_norm(value, epsilon, step, gain)
    assert result.shape == value.shape and result.dtype == np.int32
    for y, x in np.ndindex(value.shape[1:]):
        assert is_rounded(result[:, y, x], np.array(exactly(value[:, y, x], epsilon, step, gain)))


@SETTINGS
@given(MAPS, st.sampled_from([1, 2, 3]), EPSILONS, STREAM_STEPS, st.sampled_from([1.0, 1000.0, 12345.6]))
def test_group_norm_is_the_exact_one_rounded(value, groups, epsilon, step, gain):
    groups = groups if len(value) % groups == 0 else len(value)
    result = group_norm(value, groups, epsilon, step, gain)
    assert result.shape == value.shape and result.dtype == np.int32
    for got, values in zip(result.reshape(groups, -1), value.reshape(groups, -1)):
        assert is_rounded(got, np.array(exactly(values, epsilon, step, gain)))


@SETTINGS
@given(MAPS, st.sampled_from([1e-5, 1e-3]))
def test_they_follow_pytorch_s(value, epsilon):
    """Within an output step of norms in floats."""
    step, gain = 1 / 4096, 4000.0
    real = torch.from_numpy(value).double()[None] * step
    layer = functional.layer_norm(real.movedim(1, 3), (len(value),), eps=epsilon).movedim(3, 1)[0]
    pairs = [(layer, layer_norm(value, epsilon, step, gain))]
    if value[0].size > 1:  # PyTorch refuses a single value in a group
        group = functional.group_norm(real, len(value), eps=epsilon)[0]
        pairs.append((group, group_norm(value, len(value), epsilon, step, gain)))
    for expected, result in pairs:
        assert (np.abs(np.clip(expected.numpy() * gain, -32768, 32767) - result) <= 1).all()


def pixel(*values: int) -> np.ndarray:
    return np.array(values, np.int32)[:, None, None]


@pytest.mark.parametrize("norm", [LayerNorm, lambda *numbers: GroupNorm(1, *numbers)], ids=["layer", "group"])
@pytest.mark.parametrize(
    ("values", "gain", "expected"),
    [
        ((-1, 1), 100, (-100, 100)),
        ((3, 5), 100, (-100, 100)),  # whatever the mean
        ((0, 0, 0, 4), 1, (-1, -1, -1, 2)),  # -1/sqrt(3), sqrt(3)
        ((32767, -32768), 1, (1, -1)),
        ((-1, 1), 2.5, (-2, 2)),  # halves to even
        ((-1, 1), 3.5, (-4, 4)),
        ((-1, 1), 1e6, (-32768, 32767)),
        ((7, 7, 7), 1e6, (0, 0, 0)),  # no deviation
        ((-32768,), 1e6, (0,)),
    ],
)
def test_by_hand(norm, values, gain, expected):
    assert norm(0.0, gain).run([torch.from_numpy(pixel(*values))]).flatten().tolist() == list(expected)


def test_epsilon_is_in_the_units_of_the_sums():
    value = torch.from_numpy(pixel(-1, 1))
    assert LayerNorm(3.0 * 4, 100).run([value]).flatten().tolist() == [-50, 50]  # the root of 1 + 3
    assert GroupNorm(1, 3.0, 100).run([value]).flatten().tolist() == [-50, 50]


def test_layers_are_pixels_and_groups_are_neighbouring_channels():
    value = torch.arange(4 * 2 * 3, dtype=torch.int32).reshape(4, 2, 3) ** 2
    by_pixel, by_group = LayerNorm(0.0, 1000).run([value]), GroupNorm(2, 0.0, 1000).run([value])
    assert torch.equal(by_pixel[:, 1:, 2:], LayerNorm(0.0, 1000).run([value[:, 1:, 2:]]))
    assert torch.equal(by_group[2:], GroupNorm(1, 0.0, 1000).run([value[2:]]))


def test_the_largest_sums():
    """Of as many channels, and of ends of the range alone."""
    value = torch.full((2**16, 1, 1), -32768, dtype=torch.int32)
    value[::2] = 32767
    assert LayerNorm(0.0, 1000).run([value]).unique().tolist() == [-1000, 1000]
    wide = value[:256].expand(256, 64, 64)
    assert GroupNorm(1, 0.0, 1000).run([wide]).unique().tolist() == [-1000, 1000]
