"""Errors as PSNR sees them: luma, and every picture's share in decibels."""

import math

import pytest
import torch

from tvm_srq.quant.training.visible_error import COLOUR, FLOOR, logarithmic, squared_error, visible_distance


def test_grey_differences_count_in_full_and_colours_a_little():
    grey, chroma = torch.full((1, 3, 2, 2), 3.0), torch.zeros(1, 3, 2, 2)
    chroma[:, 0], chroma[:, 1] = 0.587, -0.299  # no luma
    assert squared_error(grey).item() == pytest.approx(9 * (1 + COLOUR))
    assert squared_error(chroma).item() == pytest.approx(COLOUR * (0.587**2 + 0.299**2) / 3)


def test_pictures_are_not_mixed():
    difference = torch.stack([torch.zeros(3, 4, 4), torch.ones(3, 4, 4)])
    assert squared_error(difference).tolist() == pytest.approx([0, 1 + COLOUR])


def test_halving_any_picture_s_error_counts_the_same():
    small, large = torch.tensor([1.0, 64.0]), torch.tensor([2.0, 32.0])
    assert logarithmic(small).item() == pytest.approx(logarithmic(large).item(), abs=0.1)
    assert logarithmic(torch.zeros(3)).item() == pytest.approx(math.log(FLOOR))


def test_the_distance_is_a_geometric_mean_in_squared_grey_levels():
    targets = [torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 4, 5)]
    outputs = [torch.full((1, 3, 2, 2), 0.02), torch.full((1, 3, 4, 5), 0.08)]
    expected = math.sqrt((4 * (1 + COLOUR) + FLOOR) * (64 * (1 + COLOUR) + FLOOR))
    assert visible_distance(outputs, targets, 0.01) == pytest.approx(expected)
