"""Quantizers: exact levels, and properties that hold for any values."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tvm_srq.quant.quantizers.dual_region import aligned_levels, fit_aligned, free_values, grid_quantizer
from tvm_srq.quant.quantizers.uniform import fit_least_squares, fit_minmax, quantize, squared_error, uniform_quantizer
from tvm_srq.quant.quantizers.weights import quantize_weights
from tvm_srq.quant.statistics.observers import Observer
from tvm_srq.requantize import MAX_TABLE
from tvm_srq.spec_file import pack_codes, unpack_codes


def observe(values: np.ndarray) -> Observer:
    observer = Observer()
    observer.update(torch.tensor(values, dtype=torch.float32).reshape(1, 1, -1, 1), torch.Generator().manual_seed(0))
    return observer


def test_aligned_levels_of_four_bits_are_those_of_the_design():
    two_sided = [-29, -21, -13, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 12, 20, 28]
    assert aligned_levels(4, 8, one_sided=False).tolist() == two_sided
    assert aligned_levels(4, 3, one_sided=True).tolist() == [*range(8), *range(8, 32, 3)]


def test_free_levels_have_the_paper_s_steps():
    values = free_values(-10.0, 20.0, 2.0, 4)
    dense = values[(values >= -2) & (values <= 2)]
    assert np.allclose(np.diff(dense), 2 * 2.0 / 7)
    assert np.allclose(np.diff(values[values >= 2]), (20.0 - 2.0) / 3)
    assert len(free_values(-10.0, 20.0, 2.0, 4, "release")) == 30  # 32 less the two shared breakpoints


@given(st.floats(-100, 0), st.floats(0.01, 100), st.integers(2, 8))
def test_uniform_quantizers_represent_zero_and_have_two_to_the_bits_levels(lower, upper, bits):
    quantizer = uniform_quantizer(lower, upper, bits)
    assert quantizer.uniform and 0 in quantizer.levels and len(quantizer.levels) == 2**bits


@given(arrays(np.float64, 50, elements=st.floats(-40, 40)), st.integers(1, 8), st.booleans())
def test_quantizing_twice_changes_nothing_and_errors_are_bounded(values, stride, one_sided):
    quantizer = grid_quantizer(4, 0.25, aligned_levels(4, stride, one_sided))
    once = quantize(values, quantizer)
    assert np.array_equal(quantize(once, quantizer), once)
    inside = (values >= quantizer.low * 0.25) & (values <= quantizer.high * 0.25)
    assert (np.abs(once - values)[inside] <= 0.25 * (stride / 2 + 0.5) + 1e-9).all()


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31), st.integers(3, 8))
def test_least_squares_is_never_worse_than_min_max(seed, bits):
    observer = observe(np.random.default_rng(seed).standard_t(2, 2000))
    values, weights = observer.histogram()
    fitted, wide = (squared_error(fit(observer, bits), values, weights) for fit in (fit_least_squares, fit_minmax))
    assert fitted <= wide


def test_aligned_codes_stay_within_the_winograd_range_and_beat_uniform_on_heavy_tails():
    observer = observe(np.random.default_rng(0).standard_t(2, 20000))
    values, weights = observer.histogram()
    quantizer = fit_aligned(observer, 4)
    assert quantizer.magnitude <= 31 and len(np.unique(quantizer.levels)) <= 16
    assert squared_error(quantizer, values, weights) < squared_error(fit_least_squares(observer, 4), values, weights)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31), st.integers(2, 5), st.sampled_from(["strict", "release"]), st.sampled_from([None, 31, 60, 127]))
def test_aligned_codes_span_no_more_than_kernels_look_up(seed, bits, budget, magnitude):
    observer = observe(np.random.default_rng(seed).standard_t(1, 3000))
    quantizer = fit_aligned(observer, bits, budget, magnitude)
    assert quantizer.uniform or len(quantizer.levels) <= MAX_TABLE


@given(arrays(np.int8, 37, elements=st.integers(-7, 7)))
def test_codes_pack_at_their_real_width(codes):
    packed = pack_codes(codes, 4)
    assert packed.nbytes == 19 and np.array_equal(unpack_codes(packed, 4, (37,)), codes)


def test_weights_are_symmetric_and_a_zero_channel_is_kept():
    weight = np.random.default_rng(0).normal(size=(3, 4, 3, 3)).astype(np.float32)
    weight[1] = 0
    codes, scale = quantize_weights(weight, 7)
    assert np.abs(codes).max() == 7 and not codes[1].any() and np.isfinite(scale).all()
