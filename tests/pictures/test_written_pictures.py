"""What a format can hold comes back from its files, and what it cannot is said."""

import numpy as np
import picture_files
import pytest
from PIL import ExifTags, Image

from tvm_srq.errors import UserError
from tvm_srq.pictures.formats import FORMATS
from tvm_srq.pictures.picture import ENDLESS, Frame, Metadata, Picture
from tvm_srq.pictures.reading import read_whole
from tvm_srq.pictures.writing import write_whole

SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "AVIF": ".avif", "TIFF": ".tif", "BMP": ".bmp", "GIF": ".gif"}
WORDS = {"icc_profile": "the ICC profile", "dpi": "dpi", "exif": "EXIF", "xmp": "XMP", "comment": "the comment"}
RGB, GREY, ALPHA = picture_files.pixels(3), picture_files.pixels(1), picture_files.alpha()


@pytest.fixture(params=SUFFIXES)
def source(request, tmp_path) -> Picture:
    """A picture from a file of one format, with all that it holds."""
    path = tmp_path / f"source{SUFFIXES[request.param]}"
    picture_files.rgb().save(path, **picture_files.surrounded(request.param))
    return read_whole(path)


@pytest.mark.parametrize("name", SUFFIXES)
def test_what_surrounds_pixels_from_any_format_to_any(tmp_path, source, name):
    larger = source.with_frames([Frame(source.frames[0].colours.repeat(2, 0).repeat(2, 1))])
    told = write_whole(tmp_path / f"made{SUFFIXES[name]}", larger, name)
    before, after, holds = source.metadata, read_whole(tmp_path / f"made{SUFFIXES[name]}").metadata, FORMATS[name].holds
    expected = [words for key, words in WORDS.items() if getattr(before, key) and key not in holds]
    text = ["text (Title, Author)"] if before.text and name != "PNG" else []
    assert told == [*expected, *text]
    assert after.icc_profile == (before.icc_profile if "icc_profile" in holds else b"")
    assert after.xmp == (before.xmp if "xmp" in holds else b"")
    assert after.text == (before.text if name == "PNG" else {})
    if before.dpi and "dpi" in holds:
        np.testing.assert_allclose(after.dpi, before.dpi, atol=0.02)  # PNG and BMP count per metre
    if before.comment and "comment" in holds:
        assert after.comment in (b"seen", "seen")
    if before.exif and "exif" in holds:
        kept = Image.Exif()
        kept.load(after.exif)
        assert (kept[ExifTags.Base.ImageDescription], kept[ExifTags.Base.Artist]) == ("a ramp", "nobody")
        folder = kept.get_ifd(ExifTags.IFD.Exif)
        assert [folder[tag] for tag in (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)] == [24, 18]
        assert folder[ExifTags.Base.ISOSpeedRatings] == 64
        assert kept.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"


@pytest.mark.parametrize(("name", "frame", "mode", "told"), [
    ("PNG", Frame(GREY), "L", []), ("PNG", Frame(GREY, ALPHA), "LA", []), ("PNG", Frame(RGB, ALPHA), "RGBA", []),
    ("JPEG", Frame(GREY), "L", []), ("JPEG", Frame(RGB, ALPHA), "RGB", ["transparency (put on white)"]),
    ("JPEG", Frame(RGB, np.full_like(ALPHA, 255)), "RGB", []), ("BMP", Frame(GREY), "L", []),
    ("BMP", Frame(RGB, ALPHA), "RGB", ["transparency (put on white)"]), ("TIFF", Frame(GREY, ALPHA), "LA", []),
    ("WEBP", Frame(GREY), "RGB", []), ("WEBP", Frame(RGB, ALPHA), "RGBA", []), ("AVIF", Frame(GREY, ALPHA), "RGBA", []),
    ("GIF", Frame(GREY), "P", []), ("GIF", Frame(GREY, ALPHA), "P", ["partial transparency (GIF has all or nothing)"]),
    ("QOI", Frame(GREY, ALPHA), "RGBA", []), ("PPM", Frame(GREY, ALPHA), "L", ["transparency (put on white)"]),
])  # fmt: skip
def test_modes(tmp_path, name, frame, mode, told):
    assert write_whole(tmp_path / "a", Picture([frame]), name) == told
    with Image.open(tmp_path / "a") as image:
        assert image.mode == mode
        if mode.endswith("A") and name != "AVIF":
            np.testing.assert_array_equal(np.asarray(image)[:, :, -1], frame.alpha)
        if name in ("PNG", "TIFF", "BMP", "PPM") and not mode.endswith("A") and frame.alpha is None:
            np.testing.assert_array_equal(np.asarray(image).reshape(frame.colours.shape), frame.colours)


def test_transparency_is_put_on_white(tmp_path):
    write_whole(tmp_path / "a", Picture([Frame(RGB, np.where(ALPHA < 255, 0, 255).astype(np.uint8))]), "BMP")
    with Image.open(tmp_path / "a") as image:
        np.testing.assert_array_equal(np.asarray(image), np.where(ALPHA[:, :, None] < 255, 255, RGB))


def animation(mode: str = "RGB", plays: int = 3, still_first: bool = False) -> Picture:
    frames = []
    for image, duration in zip(picture_files.frames(mode), (30, 55, 120)):
        pixels = np.asarray(image)
        frames.append(Frame(pixels[..., :3], pixels[..., 3] if mode == "RGBA" else None, duration))
    return Picture(frames, plays=plays, still_first=still_first)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("plays", [ENDLESS, 1, 2, 3])
@pytest.mark.parametrize(("name", "durations"), [("PNG", [30, 55, 120]), ("WEBP", [30, 55, 120]), ("GIF", [30, 60, 120])])
def test_animations(tmp_path, mode, plays, name, durations):
    told = write_whole(tmp_path / "a", animation(mode, plays), name)
    assert ("exact durations (GIF has hundredths of a second)" in told) == (name == "GIF")
    read = read_whole(tmp_path / "a")
    assert read.plays == plays and [frame.duration for frame in read.frames] == durations
    for frame, made in zip(read.frames, animation(mode).frames):
        if mode == "RGBA":
            alpha = np.where(made.alpha >= 128, 255, 0) if name == "GIF" else made.alpha
            np.testing.assert_array_equal(frame.alpha, alpha)
        if name == "PNG":
            np.testing.assert_array_equal(frame.colours, made.colours)


def test_avif_animations(tmp_path):
    assert write_whole(tmp_path / "a", animation(), "AVIF") == ["how often it is shown"]
    assert [frame.duration for frame in read_whole(tmp_path / "a").frames] == [30, 55, 120]


def test_a_still_picture_before_the_animation(tmp_path):
    assert write_whole(tmp_path / "a", animation(still_first=True), "PNG") == []
    read = read_whole(tmp_path / "a")
    assert read.still_first and len(read.frames) == 3 and [frame.duration for frame in read.frames[1:]] == [55, 120]
    assert write_whole(tmp_path / "b", read, "WEBP") == ["the still picture before the animation"]
    assert len(read_whole(tmp_path / "b").frames) == 2


@pytest.mark.parametrize("name", ["JPEG", "TIFF", "BMP"])
def test_an_animation_into_a_still_format_is_its_first_frame(tmp_path, name):
    assert write_whole(tmp_path / "a", animation(), name) == ["the animation (the first of 3 frames is written)"]
    assert len(read_whole(tmp_path / "a").frames) == 1


def test_pages(tmp_path):
    pages = Picture([Frame(RGB), Frame(GREY[:4], ALPHA[:4])], sequence="pages")
    assert write_whole(tmp_path / "a", pages, "TIFF") == []
    first, second = read_whole(tmp_path / "a").frames
    assert np.array_equal(first.colours, RGB) and np.array_equal(second.colours, GREY[:4])
    assert np.array_equal(second.alpha, ALPHA[:4])
    assert write_whole(tmp_path / "b", pages, "PNG") == ["pages (the first of 2 pages is written)"]


def test_gamma_of_png(tmp_path):
    for name, gamma, told in (("usual", 0.45455, []), ("odd", 1.0, ["PNG's gamma"])):
        chunks = picture_files.PngImagePlugin.PngInfo()
        chunks.add(b"gAMA", round(gamma * 100_000).to_bytes(4, "big"))
        picture_files.rgb().save(tmp_path / f"{name}.png", pnginfo=chunks)
        picture = read_whole(tmp_path / f"{name}.png")
        assert write_whole(tmp_path / "a.png", picture, "PNG") == [] and write_whole(tmp_path / "a.jpg", picture, "JPEG") == told
        with Image.open(tmp_path / "a.png") as image:
            assert image.info["gamma"] == gamma


def test_more_colours_than_gif_has_are_told(tmp_path):
    picture = Picture([Frame(np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8))])
    assert write_whole(tmp_path / "a", picture, "GIF") == ["colours (GIF has 256 a frame)"]


def test_a_profile_of_grey_needs_a_grey_file(tmp_path):
    profile = picture_files.SRGB[:16] + b"GRAY" + picture_files.SRGB[20:]
    picture = Picture([Frame(GREY)], Metadata(icc_profile=profile))
    assert write_whole(tmp_path / "a", picture, "PNG") == [] and read_whole(tmp_path / "a").metadata.icc_profile == profile
    assert write_whole(tmp_path / "b", picture, "WEBP") == ["the ICC profile (of grey, and WEBP is written in RGB)"]
    assert read_whole(tmp_path / "b").metadata.icc_profile == b""


def test_quality(tmp_path):
    picture = Picture([Frame(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))])
    for name in ("JPEG", "WEBP", "AVIF"):
        sizes = []
        for quality in (10, None, 100):
            write_whole(tmp_path / "a", picture, name, quality)
            sizes.append((tmp_path / "a").stat().st_size)
        assert sizes == sorted(set(sizes))
    assert write_whole(tmp_path / "a", picture, "PNG", 90) == ["the quality 90 (PNG has none)"]


def test_a_size_that_the_format_cannot_hold(tmp_path):
    with pytest.raises(UserError, match=r"cannot write .*wide as WEBP: .*; use \.png"):
        write_whole(tmp_path / "wide", Picture([Frame(np.zeros((1, 17000, 3), np.uint8))]), "WEBP")
    assert not list(tmp_path.iterdir())


def test_xmp_that_is_too_long_for_jpeg_is_told(tmp_path):
    picture = Picture([Frame(RGB)], Metadata(xmp=b" " * 70_000))
    assert write_whole(tmp_path / "a", picture, "JPEG") == ["XMP"]


def test_damaged_exif_is_told(tmp_path):
    picture_files.rgb().save(tmp_path / "a.webp", exif=b"Exif\0\0no such thing")
    assert "EXIF (damaged)" in read_whole(tmp_path / "a.webp").lost
