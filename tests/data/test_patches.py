"""Patches for training: low and high show the same place, turned the same way."""

import numpy as np
import pytest

from tvm_srq.data.patches import augment, draw_patches

HIGH = np.arange(20 * 26 * 3, dtype=np.uint16).reshape(20, 26, 3).astype(np.uint8)
LOW = HIGH[::2, ::2]


def test_low_and_high_belong_together():
    lows, highs = draw_patches([(LOW, HIGH)], 64, 6, 2, np.random.default_rng(0))
    assert lows.shape == (64, 6, 6, 3) and highs.shape == (64, 12, 12, 3) and lows.dtype == highs.dtype == np.uint8
    corners = [{tuple(high[i, j]) for i in (0, -1) for j in (0, -1)} for high in highs]
    assert all({tuple(low[i, j]) for i in (0, -1) for j in (0, -1)} & corner for low, corner in zip(lows, corners))


def test_whole_pictures_in_all_eight_positions():
    square = LOW[:10, :10], HIGH[:20, :20]
    lows, _ = draw_patches([square], 100, 10, 2, np.random.default_rng(0))
    assert len({low.tobytes() for low in lows}) == 8
    assert np.array_equal(augment(LOW, 0), LOW) and np.array_equal(augment(LOW, 4), LOW.transpose(1, 0, 2))


def test_the_same_seed_draws_the_same_patches():
    first, second = (draw_patches([(LOW, HIGH)], 4, 6, 2, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])


def test_a_patch_larger_than_the_picture_is_an_error():
    with pytest.raises(ValueError):
        draw_patches([(LOW, HIGH)], 1, 11, 2, np.random.default_rng(0))
