"""Frames are read grey or in RGB, upright, with alpha; animations and pages whole; what cannot be kept is told."""

import numpy as np
import picture_files
import pytest
from PIL import Image

from tvm_srq.errors import UserError
from tvm_srq.pictures.picture import ENDLESS
from tvm_srq.pictures.reading import read_whole

RGB, GREY, ALPHA = picture_files.pixels(3), picture_files.pixels(1), picture_files.alpha()


@pytest.mark.parametrize(("image", "colours", "alpha"), [
    (picture_files.rgb(), RGB, None), (picture_files.rgba(), RGB, ALPHA), (picture_files.grey(), GREY, None),
    (picture_files.grey_alpha(), GREY, ALPHA), (picture_files.grey().convert("1"), None, None),
])  # fmt: skip
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_modes(tmp_path, image, colours, alpha, suffix):
    image.save(tmp_path / f"a{suffix}")
    picture = read_whole(tmp_path / f"a{suffix}")
    [frame] = picture.frames
    expected = np.asarray(image.convert("L"))[:, :, None] if colours is None else colours
    np.testing.assert_array_equal(frame.colours, expected)
    assert frame.alpha is None if alpha is None else np.array_equal(frame.alpha, alpha)
    assert picture.lost == ()


def test_palettes_are_rgb_and_rgba(tmp_path):
    image = picture_files.rgb().quantize(16)
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.png", transparency=3)
    opaque, holed = (read_whole(tmp_path / name).frames[0] for name in ("a.png", "b.png"))
    assert opaque.alpha is None
    np.testing.assert_array_equal(opaque.colours, np.asarray(image.convert("RGB")))
    np.testing.assert_array_equal(holed.colours, opaque.colours)
    np.testing.assert_array_equal(holed.alpha, np.where(np.asarray(image) == 3, 0, 255))


def test_a_transparent_colour_is_alpha(tmp_path):
    picture_files.rgb().save(tmp_path / "rgb.png", transparency=tuple(RGB[2, 3].tolist()))
    picture_files.grey().save(tmp_path / "grey.png", transparency=int(GREY[2, 3, 0]))
    np.testing.assert_array_equal(read_whole(tmp_path / "rgb.png").frames[0].alpha, 255 * (RGB[2, 3] != RGB).any(2))
    np.testing.assert_array_equal(read_whole(tmp_path / "grey.png").frames[0].alpha, 255 * (GREY[2, 3] != GREY)[:, :, 0])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_deep_grey_is_rounded_and_told(tmp_path, suffix):
    values = np.array([[0, 128, 129, 65535 - 129, 65535 - 128, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / f"a{suffix}")
    picture = read_whole(tmp_path / f"a{suffix}")
    assert picture.frames[0].colours[0, :, 0].tolist() == [0, 0, 1, 254, 255, 255]
    assert picture.lost == ("16 bits a channel (8 are written)",)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_deep_colours_are_told(tmp_path, channels):
    values = picture_files.pixels(channels).astype(np.uint16) * 257
    (tmp_path / "a.png").write_bytes(picture_files.deep_png(values))
    picture = read_whole(tmp_path / "a.png")
    [frame] = picture.frames
    colours = 1 if channels == 2 else 3
    np.testing.assert_array_equal(frame.colours, picture_files.pixels(channels)[:, :, :colours])
    assert (frame.alpha is None) == (channels == 3)
    assert picture.lost == ("16 bits a channel (8 are written)",)


def test_cmyk_without_a_profile(tmp_path):
    image = picture_files.rgb().convert("CMYK")
    image.save(tmp_path / "a.tif")
    picture = read_whole(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.frames[0].colours, np.asarray(image.convert("RGB")))
    assert picture.lost == ("CMYK (sRGB is written)",)


def test_cmyk_by_its_profile(tmp_path):
    """Of the printer's inks only black shows."""
    inks = np.zeros((4, 4, 4), np.uint8)
    inks[0, :, :3], inks[1, :, 3] = 255, 255
    Image.fromarray(inks, "CMYK").save(tmp_path / "a.tif", icc_profile=picture_files.cmyk_profile())
    picture = read_whole(tmp_path / "a.tif")
    assert (picture.frames[0].colours[[0, 2, 3]] >= 254).all() and not picture.frames[0].colours[1].any()
    assert picture.metadata.icc_profile == b"" and picture.lost == ("CMYK (sRGB is written)",)


def test_a_damaged_profile_of_cmyk_is_told(tmp_path):
    picture_files.rgb().convert("CMYK").save(tmp_path / "a.tif", icc_profile=b"no profile")
    picture = read_whole(tmp_path / "a.tif")
    assert picture.lost == ("CMYK (sRGB is written)", "the ICC profile (not usable for CMYK)")


@pytest.mark.parametrize(("orientation", "upright"), [(1, RGB), (3, RGB[::-1, ::-1]), (6, np.rot90(RGB, -1)), (8, np.rot90(RGB))])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_orientation_is_applied_and_reset(tmp_path, orientation, upright, suffix):
    made = picture_files.exif(orientation)
    picture_files.rgb().save(tmp_path / f"a{suffix}", exif=made.tobytes())
    picture = read_whole(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(picture.frames[0].colours, upright)
    kept = Image.Exif()
    kept.load(picture.metadata.exif)
    assert kept.get(0x0112, 1) == 1 and kept[0x010E] == "a ramp"


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize(("suffix", "loop", "plays"), [
    (".png", 3, 3), (".png", 0, ENDLESS), (".webp", 3, 3), (".gif", 3, 4), (".gif", 0, ENDLESS), (".gif", None, 1),
])  # fmt: skip
def test_every_frame_of_an_animation(tmp_path, mode, suffix, loop, plays):
    first, *rest = picture_files.frames(mode)
    options = {} if loop is None else {"loop": loop}
    if suffix == ".webp":
        options["lossless"] = options["exact"] = True
    if suffix == ".gif" and mode == "RGBA":
        options["disposal"] = 2
    first.save(tmp_path / f"a{suffix}", save_all=True, append_images=rest, duration=picture_files.DURATIONS, **options)
    picture = read_whole(tmp_path / f"a{suffix}")
    assert [frame.duration for frame in picture.frames] == picture_files.DURATIONS
    assert (picture.sequence, picture.plays, picture.still_first) == ("animation", plays, False)
    if suffix != ".gif":
        for frame, image in zip(picture.frames, [first, *rest]):
            visible = np.asarray(image)[..., 3:] > 0 if mode == "RGBA" else True
            assert np.array_equal(frame.colours * visible, np.asarray(image)[..., :3] * visible)
            assert frame.alpha is None if mode == "RGB" else np.array_equal(frame.alpha, np.asarray(image)[..., 3])


def test_frames_are_what_is_seen_after_disposal(tmp_path):
    """A GIF file that stores the second frame as its difference."""
    first = Image.new("RGB", (12, 9), "blue")
    second = first.copy()
    second.paste("red", (2, 2, 5, 5))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second], duration=100)
    frames = read_whole(tmp_path / "a.gif").frames
    np.testing.assert_array_equal(frames[0].colours, np.asarray(first))
    np.testing.assert_array_equal(frames[1].colours, np.asarray(second))


def test_pages(tmp_path):
    picture_files.rgb().save(tmp_path / "a.tif", save_all=True, append_images=[picture_files.grey().resize((5, 4))])
    picture = read_whole(tmp_path / "a.tif")
    assert picture.sequence == "pages" and [frame.colours.shape for frame in picture.frames] == [(9, 12, 3), (4, 5, 1)]


def test_a_previewing_file_has_one_picture(tmp_path):
    picture_files.rgb().save(tmp_path / "a.mpo", save_all=True, append_images=[picture_files.rgb()])
    picture = read_whole(tmp_path / "a.mpo")
    assert len(picture.frames) == 1 and picture.lost == ("1 further picture of MPO",)


def test_captions_are_told(tmp_path):
    resource = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + (4).to_bytes(4, "big") + b"text"
    segment = b"\xff\xed" + (len(resource) + 2).to_bytes(2, "big") + resource
    picture_files.rgb().save(tmp_path / "a.jpg", extra=segment)
    picture_files.rgb().save(tmp_path / "a.tif", tiffinfo={33723: b"text"})
    assert read_whole(tmp_path / "a.jpg").lost == read_whole(tmp_path / "a.tif").lost == ("IPTC captions",)


def test_an_animation_cut_off_is_no_picture(tmp_path):
    first, *rest = picture_files.frames("RGB")
    first.save(tmp_path / "a.gif", save_all=True, append_images=rest)
    content = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(content[: len(content) * 3 // 4])
    with pytest.raises(UserError, match=r"a\.gif is not a readable picture"):
        read_whole(tmp_path / "a.gif")


@pytest.mark.parametrize("name", picture_files.BROKEN)
def test_broken_files_are_told(tmp_path, name):
    picture_files.write_mixture(tmp_path)
    with pytest.raises(UserError, match=f"{name} is not a readable picture"):
        read_whole(tmp_path / name)
