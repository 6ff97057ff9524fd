"""Pictures of every kind are read as upright (H, W, 3) uint8 RGB, and written whole."""

import numpy as np
import pytest
from PIL import Image

from tvm_srq.data.pictures import list_pictures, read_picture, write_picture
from tvm_srq.errors import UserError

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
GREY = RGB[:, :, 0]


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".ppm", ".tif", ".PNG"])
def test_a_picture_survives_writing_and_reading(tmp_path, suffix):
    write_picture(tmp_path / f"a{suffix}", RGB)
    read = read_picture(tmp_path / f"a{suffix}")
    assert read.dtype == np.uint8 and np.array_equal(read, RGB)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_grey_gets_three_equal_channels(tmp_path, suffix):
    Image.fromarray(GREY).save(tmp_path / f"a{suffix}")
    assert np.array_equal(read_picture(tmp_path / f"a{suffix}"), np.repeat(GREY[:, :, None], 3, 2))


def test_black_and_white_is_0_and_255(tmp_path):
    Image.fromarray(GREY > 127).save(tmp_path / "a.png")
    assert np.array_equal(read_picture(tmp_path / "a.png")[:, :, 1], np.where(GREY > 127, 255, 0))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_dropped(tmp_path, mode):
    colours = RGB if mode == "RGBA" else GREY[:, :, None]
    alpha = np.full((5, 7, 1), 3, np.uint8)
    Image.fromarray(np.concatenate([colours, alpha], 2), mode).save(tmp_path / "a.png")
    assert np.array_equal(read_picture(tmp_path / "a.png"), np.broadcast_to(colours, RGB.shape))


def test_a_palette_gives_its_colours_transparent_or_not(tmp_path):
    image = Image.fromarray(RGB).quantize(16)
    image.save(tmp_path / "a.png", transparency=3)
    assert np.array_equal(read_picture(tmp_path / "a.png"), np.asarray(image.convert("RGB")))


def test_cmyk_is_converted(tmp_path):
    ink = np.zeros((4, 4, 4), np.uint8)
    ink[0, 0], ink[1, 1] = (255, 0, 0, 0), (0, 0, 0, 255)  # cyan, black; paper elsewhere
    Image.fromarray(ink, "CMYK").save(tmp_path / "a.tif")
    read = read_picture(tmp_path / "a.tif")
    assert read[0, 0].tolist() == [0, 255, 255] and not read[1, 1].any() and (read[2:] == 255).all()


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_grey_is_rounded_to_8(tmp_path, suffix):
    deep = np.array([[0, 128, 129, 257, 32767, 65535 - 129, 65535 - 128, 65535]], np.uint16)
    Image.fromarray(deep).save(tmp_path / f"a{suffix}")
    assert read_picture(tmp_path / f"a{suffix}")[0, :, 0].tolist() == [0, 0, 1, 1, 127, 254, 255, 255]


def test_floating_point_pixels_are_refused(tmp_path):
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(UserError, match=r"a\.tif has pixels outside 0\.\.65535 or in floating point"):
        read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize(("orientation", "upright"), [(1, RGB), (3, RGB[::-1, ::-1]), (6, np.rot90(RGB, -1)), (8, np.rot90(RGB))])
def test_a_camera_s_orientation_is_applied(tmp_path, orientation, upright):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RGB).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_picture(tmp_path / "a.png"), upright)


def test_only_pictures_of_a_folder_are_listed_by_name(tmp_path):
    for name in ("b.png", "a.JPG", "notes.txt", "c.tiff"):
        (tmp_path / name).touch()
    assert [path.name for path in list_pictures(tmp_path)] == ["a.JPG", "b.png", "c.tiff"]


def test_nothing_is_left_of_a_picture_that_cannot_be_written(tmp_path):
    write_picture(tmp_path / "a.png", RGB)
    with pytest.raises(TypeError):
        write_picture(tmp_path / "a.png", RGB.astype(np.float64))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert np.array_equal(read_picture(tmp_path / "a.png"), RGB)
