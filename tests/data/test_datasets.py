"""Datasets as people lay them out, and what is made where a part is missing."""

import numpy as np
import pytest

from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.data.datasets import find_dataset, paired, pairs
from tvm_srq.data.pictures import write_picture
from tvm_srq.errors import UserError

HIGH = np.random.default_rng(0).integers(0, 256, (22, 31, 3), dtype=np.uint8)  # no multiple of 4
LOW = np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def dataset(folder, low_name=None, low=LOW, high_folder="HR"):
    (folder / high_folder).mkdir(parents=True, exist_ok=True)
    write_picture(folder / high_folder / "baby.png", HIGH)
    if low_name is not None:
        (folder / "LR_bicubic/X4").mkdir(parents=True)
        write_picture(folder / "LR_bicubic/X4" / low_name, low)
    return folder


@pytest.mark.parametrize("low_name", ["babyx4.png", "baby.png"])
def test_both_ways_of_naming_low_resolution_pictures(tmp_path, low_name):
    [(name, low, high)] = pairs(dataset(tmp_path, low_name), 4)
    assert name == "baby" and np.array_equal(low, LOW) and np.array_equal(high, HIGH[:20, :28])


@pytest.mark.parametrize("high_folder", ["HR", "."])
def test_missing_low_resolution_pictures_are_made_by_matlab_s_bicubic(tmp_path, high_folder):
    [(_, low, high)] = pairs(dataset(tmp_path, high_folder=high_folder), 4)
    assert np.array_equal(low, resize_bicubic(HIGH[:20, :28], 1 / 4)) and np.array_equal(high, HIGH[:20, :28])


def test_pictures_of_another_scale_are_not_taken(tmp_path):
    [(_, low, _)] = pairs(dataset(tmp_path, "baby.png"), 2)
    assert low.shape == (11, 15, 3)


def test_low_resolution_sides_rounded_up_are_cut(tmp_path):
    rounded_up = np.random.default_rng(2).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    [(_, low, high)] = pairs(dataset(tmp_path, "babyx4.png", rounded_up), 4)
    assert np.array_equal(low, rounded_up[:5, :7]) and high.shape == (20, 28, 3)


@pytest.mark.parametrize("shape", [(4, 7, 3), (5, 9, 3), (22, 31, 3)])
def test_a_pair_that_does_not_belong_together_is_refused(tmp_path, shape):
    with pytest.raises(UserError, match=r"babyx4\.png is .* which is not .*baby\.png by 4"):
        list(pairs(dataset(tmp_path, "babyx4.png", np.zeros(shape, np.uint8)), 4))


def test_a_picture_smaller_than_a_low_resolution_pixel_is_refused(tmp_path):
    write_picture(dataset(tmp_path) / "HR/dot.png", np.zeros((3, 9, 3), np.uint8))
    with pytest.raises(UserError, match=r"dot\.png is smaller than one low-resolution pixel at scale 4"):
        list(pairs(tmp_path, 4))


def test_a_dataset_is_found_by_path_or_by_name(tmp_path, monkeypatch):
    folder = dataset(tmp_path / "datasets/Own")
    assert find_dataset("Own", str(tmp_path)) == folder and find_dataset(str(folder), None) == folder
    with pytest.raises(UserError, match="dataset Own is no folder"):
        find_dataset("Own", None)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_test_sets_pair_up(data, scale):
    for name, count in (("Set5", 5), ("Set14", 14)):
        found = list(pairs(data / "datasets" / name, scale))
        assert len(found) == count
        assert all(high.shape == (low.shape[0] * scale, low.shape[1] * scale, 3) for _, low, high in found)


def test_low_and_high_resolution_pictures_may_have_other_formats(tmp_path):
    (tmp_path / "HR").mkdir()
    write_picture(tmp_path / "HR/baby.jpg", HIGH)
    write_picture(tmp_path / "babyx4.png", LOW)
    [(name, low, _)] = paired(tmp_path, tmp_path / "HR", 4)
    assert name == "baby" and np.array_equal(low, LOW)
