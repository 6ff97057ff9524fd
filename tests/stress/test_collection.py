"""The drawn pictures: the same ones every time, another one in each part, and in them what they are named for."""

import numpy as np
import pytest

from tvm_srq.stress.collection import KINDS, Part, drawn_pictures
from tvm_srq.stress.colours import LEVELS, colour_cube, squares, stripes
from tvm_srq.stress.gratings import checkerboards, zone_plate
from tvm_srq.stress.lettering import LATIN, lettering


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("size", [17, 48, 97])
def test_pictures_of_any_size_are_reproducible(kind, size):
    first, again, other = (kind(size, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert first.shape == (size, size, 3) and first.dtype == np.uint8
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert first.std() > 3


def test_parts_share_no_picture():
    parts = [drawn_pictures(part, 48, of_each=2) for part in Part]
    assert all(len(part) == 2 * len(KINDS) for part in parts)
    assert len({picture.tobytes() for part in parts for picture in part.values()}) == 6 * len(KINDS)


def test_the_colour_cube_has_every_colour_once():
    cube = colour_cube()
    assert cube.shape == (len(LEVELS) ** 3, 3) and len(np.unique(cube, axis=0)) == len(cube)
    assert np.array_equal(np.unique(cube), LEVELS)


def test_squares_hold_all_corners_of_the_cube():
    found = {tuple(colour) for colour in squares(96, np.random.default_rng(0)).reshape(-1, 3).tolist()}
    assert found >= {tuple(colour) for colour in colour_cube((0, 255)).tolist()}


def test_the_finest_checkerboard_changes_between_black_and_white_from_pixel_to_pixel():
    picture = checkerboards(64, np.random.default_rng(0)).astype(int)
    across, down = (np.abs(np.diff(picture, axis=axis)).min(2) == 255 for axis in (1, 0))
    assert (across[:-1] & down[:, :-1]).sum() > 900


def test_a_zone_plate_reaches_the_nyquist_frequency_in_the_middle_of_its_sides():
    luma = zone_plate(128, np.random.default_rng(0)).astype(float).sum(2)
    fine, coarse = (np.abs(np.diff(luma[columns, 64 - 4 : 64 + 4], axis=0)).mean() for columns in (slice(0, 8), slice(60, 68)))
    assert fine > 4 * coarse


def test_stripes_are_hard():
    upright = stripes(80, np.random.default_rng(1))[:20, :40]
    assert len(np.unique(upright.reshape(-1, 3), axis=0)) == 2


def test_letters_are_those_asked_for():
    dots, letters = (lettering(64, np.random.default_rng(0), chosen) for chosen in (".", LATIN))
    assert not np.array_equal(dots, letters)
