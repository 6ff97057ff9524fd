"""Weights per output channel: least squares over bounds, and over kernels that Winograd takes."""

import numpy as np

from tvm_srq.quant.fitting.rounding import round_with_feedback
from tvm_srq.quant.quantizers.weights import quantize_weights
from tvm_srq.winograd_range import INT8, largest_transformed


def trained_like(seed: int = 0) -> np.ndarray:
    """(16, 8, 3, 3) float32, one large weight among small ones in every kernel."""
    return np.random.default_rng(seed).laplace(0, 1, (16, 8, 3, 3)).astype(np.float32)


def squared_error(weight: np.ndarray, codes: np.ndarray, scale: np.ndarray) -> float:
    return float(((codes * scale.reshape(-1, 1, 1, 1) - weight) ** 2).sum())


def test_codes_on_the_grid_are_found_exactly():
    codes = np.random.default_rng(1).integers(-7, 8, (4, 3, 3, 3)).astype(np.int8)
    codes[:, 0, 0, 0] = 7
    found, scale = quantize_weights(codes * np.float32(0.25), 7)
    assert np.array_equal(found, codes) and np.array_equal(scale, np.full(4, 0.25, np.float32))


def test_a_channel_of_zeros_has_scale_one():
    codes, scale = quantize_weights(np.zeros((2, 1, 3, 3), np.float32), 7, winograd=True)
    assert not codes.any() and scale.tolist() == [1, 1]


def test_winograd_s_range_costs_little_and_beats_a_bound_on_weights():
    """The old bound, nine weights of 14, against transforms that fit: the same kernels, a fraction of the error."""
    weight = trained_like()
    free, bounded = (squared_error(weight, *quantize_weights(weight, magnitude)) for magnitude in (31, 14))
    codes, scale = quantize_weights(weight, 31, winograd=True)
    assert largest_transformed(codes.astype(int)).max() <= INT8
    assert squared_error(weight, codes, scale) < 1.3 * free < 0.4 * bounded


def test_rounding_with_feedback_stays_in_winograd_s_range():
    weight = trained_like()
    _, scale = quantize_weights(weight, 31, winograd=True)
    moments = np.ones((72, 72), np.float32) + 0.1 * np.eye(72, dtype=np.float32)
    codes = round_with_feedback(weight / scale.reshape(-1, 1, 1, 1), 31, moments, winograd=True)
    assert largest_transformed(codes.astype(int)).max() <= INT8
