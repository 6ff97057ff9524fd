"""Kernels that exact Winograd takes in int8: by their transforms, not by their largest weight."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tvm_srq.winograd_range import INT8, largest_transformed, rounded_into_range, shrink_into_range


def kernel(*weights: int) -> np.ndarray:
    return np.array(weights).reshape(1, 1, 3, 3)


@pytest.mark.parametrize(("weights", "largest"), [
    ((14,) * 9, 126), ((31, 0, 0, 0, 0, 0, 0, 0, 0), 124), ((0, 0, 0, 0, 127, 0, 0, 0, 0), 127),
    ((0, 63, 0, 0, 0, 0, 0, 0, 0), 126), ((1, -2, 3, -4, 5, -6, 7, -8, 9), 48), ((20, 20, 20, 0, 0, 0, 0, 0, 0), 120),
])  # fmt: skip
def test_the_largest_value_of_a_transform(weights, largest):
    """Four times a corner, twice the signed sum of a side, the signed sum of all."""
    assert largest_transformed(kernel(*weights)).item() == largest


@settings(deadline=None)
@given(st.integers(0, 2**32), st.floats(1, 1000))
def test_what_was_shrunk_fits_when_rounded_and_what_fits_stays(seed, size):
    codes = np.random.default_rng(seed).normal(0, size, (3, 2, 3, 3))
    shrunk = shrink_into_range(codes)
    assert largest_transformed(np.rint(shrunk).astype(int)).max() <= INT8
    fits = largest_transformed(codes) <= INT8 - 4.5
    assert np.array_equal(shrunk[fits], codes[fits])
    assert (np.abs(shrunk) <= np.abs(codes)).all()


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_integer_kernels_that_fit_stay_and_others_come_into_range(seed):
    codes = np.random.default_rng(seed).integers(-31, 32, (4, 5, 3, 3)).astype(np.int8)
    codes[0] //= 4
    ranged = rounded_into_range(codes)
    assert ranged.dtype == np.int8 and largest_transformed(ranged.astype(int)).max() <= INT8
    fits = largest_transformed(codes.astype(int)) <= INT8
    assert np.array_equal(ranged[fits], codes[fits])
