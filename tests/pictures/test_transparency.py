"""What is under transparent pixels does not bleed into edges; alpha is upscaled as it is asked for."""

import numpy as np
import pytest

from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.data.pictures import in_grey
from tvm_srq.errors import UserError
from tvm_srq.pictures.alpha import filled
from tvm_srq.pictures.picture import Frame
from tvm_srq.pictures.upscaling import upscale_frame
from tvm_srq.upscalers import Loaded, load_upscaler

BICUBIC = load_upscaler("bicubic3")


def disc(height: int = 37, width: int = 50) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.clip((14 - np.hypot(rows - 18, columns - 25)) * 128, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_flat_shape_keeps_its_colour_to_the_edge(channels):
    """As the opaque picture of that colour, whatever hides under transparent pixels."""
    random, alpha = np.random.default_rng(0), disc()
    flat = np.broadcast_to(np.array([200, 30, 90], np.uint8)[:channels], (*alpha.shape, channels))
    hidden = np.where(alpha[:, :, None] == 0, random.integers(0, 256, flat.shape, np.uint8), flat)
    made = upscale_frame(Frame(hidden, alpha), BICUBIC, "bicubic", "a")
    np.testing.assert_array_equal(made.colours, BICUBIC.upscale(flat))
    np.testing.assert_array_equal(made.alpha, resize_bicubic(alpha, 3))


def test_a_flat_shape_through_a_network(small_edsr):
    alpha, loaded = disc(), load_upscaler(small_edsr.artifact("x86-64-v2"))
    flat = np.broadcast_to(np.array([200, 30, 90], np.uint8), (*alpha.shape, 3))
    hidden = np.where(alpha[:, :, None] == 0, np.array([0, 255, 0], np.uint8), flat)
    made = upscale_frame(Frame(hidden, alpha), loaded, "network", "a")
    np.testing.assert_array_equal(made.colours, loaded.upscale(flat))
    np.testing.assert_array_equal(made.alpha, in_grey(loaded.upscale(np.repeat(alpha[:, :, None], 3, 2)))[:, :, 0])


def test_edges_of_a_ramp_are_near_the_opaque_reference():
    alpha = disc()
    rows, columns = np.mgrid[:37, :50]
    opaque = np.stack([rows * 4 + 40, columns * 3 + 60, 220 - rows - columns], 2).astype(np.uint8)
    hidden = np.where(alpha[:, :, None] == 0, np.array([0, 255, 0], np.uint8), opaque)
    reference = BICUBIC.upscale(opaque).astype(int)
    made = upscale_frame(Frame(hidden, alpha), BICUBIC, "bicubic", "a")
    visible = made.alpha > 0
    unfilled = np.abs(BICUBIC.upscale(hidden).astype(int) - reference)[visible].max()
    assert np.abs(made.colours.astype(int) - reference)[visible].max() <= 8 and unfilled > 100


def test_what_is_visible_stays():
    random = np.random.default_rng(1)
    colours, alpha = random.integers(0, 256, (13, 7, 3), np.uint8), random.choice([0, 0, 0, 1, 90, 255], (13, 7)).astype(np.uint8)
    result = filled(colours, alpha)
    np.testing.assert_array_equal(result[alpha > 0], colours[alpha > 0])
    around = filled(colours, np.where(np.arange(91).reshape(13, 7) == 40, 255, 0).astype(np.uint8))
    assert (around == colours[40 // 7, 40 % 7]).all()  # one visible pixel fills all


@pytest.mark.parametrize("value", [0, 1, 255])
def test_nothing_is_made_up_where_nothing_or_everything_shows(value):
    colours = np.random.default_rng(2).integers(0, 256, (5, 6, 3), np.uint8)
    np.testing.assert_array_equal(filled(colours, np.full((5, 6), value, np.uint8)), colours)


def test_alpha_through_the_network():
    seen = []

    def upscale(picture: np.ndarray) -> np.ndarray:
        seen.append(picture)
        return picture.repeat(2, 0).repeat(2, 1)

    alpha = disc(8, 9)
    made = upscale_frame(Frame(np.zeros((8, 9, 3), np.uint8), alpha), Loaded(upscale, 2, "twice"), "network", "a")
    np.testing.assert_array_equal(made.alpha, alpha.repeat(2, 0).repeat(2, 1))
    np.testing.assert_array_equal(seen[1], np.repeat(alpha[:, :, None], 3, 2))


def test_alpha_is_dropped_where_that_is_asked_for():
    colours = np.random.default_rng(3).integers(0, 256, (8, 9, 3), np.uint8)
    made = upscale_frame(Frame(colours, np.zeros((8, 9), np.uint8)), BICUBIC, "drop", "a")
    assert made.alpha is None
    np.testing.assert_array_equal(made.colours, BICUBIC.upscale(colours))


def test_grey_through_rgb_is_luma_and_colours_through_grey_are_refused():
    rgb = Loaded(lambda picture: picture * np.array([1, 0, 0], np.uint8), 1, "red")
    grey = Loaded(lambda picture: 255 - picture, 1, "inverse", 1)
    values = np.full((4, 4, 1), 200, np.uint8)
    assert (upscale_frame(Frame(values), rgb, "bicubic", "a").colours == [60]).all()  # 0.299 of it
    assert (upscale_frame(Frame(values.repeat(3, 2)), grey, "bicubic", "a").colours == [55]).all()
    with pytest.raises(UserError, match="a.png has colours, and the network upscales grey pictures"):
        upscale_frame(Frame(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)), grey, "bicubic", "a.png")
