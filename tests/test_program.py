"""Extents: how the size of a map follows from the picture's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvm_srq.program import FeatureMap, apply_extent, whole_scale

TRIPLE = st.tuples(st.integers(0, 4), st.integers(0, 9), st.integers(1, 4))


@pytest.mark.parametrize(("extent", "sizes", "scale"), [
    ((), (1, 2, 9), 1),
    (((2, 0, 1),), (2, 4, 18), 2),
    (((2, 0, 1), (3, 0, 1)), (6, 12, 54), 6),
    (((1, 1, 2),), (1, 1, 5), None),
    (((1, 7, 8), (8, 0, 1)), (8, 8, 16), None),
    (((4, -3, 1),), (1, 5, 33), None),
    (((0, 1, 1),), (1, 1, 1), None),
    (((0, 0, 1),), (0, 0, 0), None),
])  # fmt: skip
def test_sizes_and_scales(extent, sizes, scale):
    assert tuple(apply_extent(extent, size) for size in (1, 2, 9)) == sizes
    assert whole_scale(extent) == scale
    assert FeatureMap(extent, 4, "uint8", 0, (), 1).scale == scale


@given(st.lists(TRIPLE, max_size=3), st.lists(TRIPLE, max_size=3), st.integers(0, 100))
def test_one_extent_behind_another(first, second, size):
    assert apply_extent((*first, *second), size) == apply_extent(tuple(second), apply_extent(tuple(first), size))


@given(st.lists(TRIPLE, max_size=3), st.integers(0, 100))
def test_a_scale_multiplies_every_size(extent, size):
    scale = whole_scale(tuple(extent))
    assert scale is None or apply_extent(tuple(extent), size) == scale * size
