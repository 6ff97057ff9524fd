"""Pixels: what is written without loss is what the network makes of the film's pictures, by the film's own matrix and range."""

import film_files
import numpy as np
import pytest

av = pytest.importorskip("av", reason="PyAV is not installed: pip install '.[video]'")

from av.video.reformatter import VideoReformatter  # noqa: E402

from tvm_srq.cli import main  # noqa: E402
from tvm_srq.data.bicubic import resize_bicubic  # noqa: E402
from tvm_srq.films.colours import Colours, colours_of, to_frame, to_picture  # noqa: E402
from tvm_srq.runtime import Session  # noqa: E402

LOSSLESS = ("--codec", "ffv1")


def same(one: "av.VideoFrame", other: "av.VideoFrame") -> bool:
    """Whether two frames have the same pixels; what is between rows in memory does not count."""
    return one.format.name.replace("yuvj", "yuv") == other.format.name and np.array_equal(one.to_ndarray(), other.to_ndarray())


def test_rgb_is_what_bicubic_interpolation_gives(tmp_path, capsys):
    source = film_files.write_film(tmp_path / "a.mkv", codec="ffv1", form="bgr0")
    assert main(["run", "bicubic2", str(source), "-o", f"{tmp_path}/b.mkv", *LOSSLESS]) == 0
    assert capsys.readouterr().err == ""
    made = film_files.frames(tmp_path / "b.mkv")
    assert len(made) == 12
    for number, frame in enumerate(made):
        np.testing.assert_array_equal(frame.to_ndarray(format="rgb24"), resize_bicubic(film_files.picture(number), 2))


def test_a_compiled_network_upscales_every_frame(tmp_path, small_edsr):
    source = film_files.write_film(tmp_path / "a.mkv", 3, codec="ffv1", form="bgr0")
    network = small_edsr.artifact("x86-64-v2")
    assert main(["run", str(network), str(source), "-o", f"{tmp_path}/b.mkv", *LOSSLESS]) == 0
    session = Session(network)
    for number, frame in enumerate(film_files.frames(tmp_path / "b.mkv")):
        np.testing.assert_array_equal(frame.to_ndarray(format="rgb24"), session(film_files.picture(number)))


@pytest.mark.parametrize("codec", [LOSSLESS, ("--codec", "libx264", "--encoder-option", "qp=0", "--encoder-option", "bf=0")])
@pytest.mark.parametrize("colours", [(1, 1, 1, 1), (1, 2, 1, 1), (5, 1, 5, 6), (9, 1, 9, 14)])
def test_yuv_goes_to_rgb_and_back_by_the_film_s_own_matrix_and_range(tmp_path, capsys, codec, colours):
    source = film_files.write_film(tmp_path / "a.mkv", 4, codec="ffv1", colours=colours)
    assert main(["run", "bicubic2", str(source), "-o", f"{tmp_path}/b.mkv", *codec]) == 0
    assert capsys.readouterr().err == ""
    made = film_files.frames(tmp_path / "b.mkv")
    for before, after in zip(film_files.frames(source), made, strict=True):
        picture = to_picture(before, VideoReformatter(), source)
        expected = to_frame(resize_bicubic(picture, 2), "yuv420p", Colours(*colours), VideoReformatter())
        assert same(after, expected)
        assert (after.colorspace, after.color_range, after.color_primaries, after.color_trc) == colours


@pytest.mark.parametrize("matrix", [1, 5, 9])
@pytest.mark.parametrize("full", [1, 2])
def test_a_flat_colour_is_that_colour(matrix, full):
    """Grey is grey, black black and white white, whatever the matrix; colours are within the rounding of 8-bit YUV."""
    colours = Colours(matrix, full, 1, 1)
    for colour in ((0, 0, 0), (255, 255, 255), (98, 98, 98), (200, 50, 30), (10, 220, 90), (20, 30, 240)):
        flat = np.full((8, 8, 3), colour, np.uint8)
        back = to_picture(to_frame(flat, "yuv444p", colours, VideoReformatter()), VideoReformatter(), "flat")
        assert np.abs(back.astype(int) - flat).max() <= (2 if len(set(colour)) > 1 else 1)


def test_matrices_give_the_values_of_their_standards():
    """Red of BT.709 and BT.601, limited range: the luma of ITU-R BT.709 and BT.601."""
    red = np.full((8, 8, 3), (255, 0, 0), np.uint8)
    for matrix, luma in ((1, 63), (5, 81), (9, 74)):
        frame = to_frame(red, "yuv444p", Colours(matrix, 1, 2, 2), VideoReformatter())
        assert abs(int(frame.to_ndarray()[0, 0, 0]) - luma) <= 1


def test_the_matrix_that_a_film_does_not_name_is_that_of_its_size_and_written(tmp_path):
    """A small film whose output is large would be shown by another matrix."""
    source = film_files.write_film(tmp_path / "a.mkv", 1, size=(300, 400))
    assert colours_of(film_files.frames(source)[0], source).matrix == 5
    assert main(["run", "bicubic2", str(source), "-o", f"{tmp_path}/b.mkv"]) == 0
    assert film_files.about(tmp_path / "b.mkv")["colours"][0] in (5, 6)


@pytest.mark.parametrize("tone", [0, 1, 2])
def test_grey_films_stay_grey(tmp_path, capsys, tone):
    source = film_files.write_film(tmp_path / "a.mkv", 3, codec="ffv1", form="gray", colours=(2, tone, 2, 2))
    assert main(["run", "bicubic2", str(source), "-o", f"{tmp_path}/b.mkv", *LOSSLESS]) == 0
    assert capsys.readouterr().err == ""
    for before, after in zip(film_files.frames(source), film_files.frames(tmp_path / "b.mkv"), strict=True):
        assert after.format.name == "gray" and after.color_range == (before.color_range or 2)
        picture = before.to_ndarray()[:, :, None]
        if before.color_range == 1:  # 16 is black
            picture = np.clip(np.round((picture.astype(float) - 16) * 255 / 219), 0, 255).astype(np.uint8)
        expected = resize_bicubic(picture, 2)[:, :, 0]
        if before.color_range == 1:
            expected = np.round(expected.astype(float) * 219 / 255 + 16)
        np.testing.assert_array_equal(after.to_ndarray(), expected)


@pytest.mark.parametrize(("form", "told"), [
    ("yuv420p10le", "10 bits a channel (8 are written)"),
    ("yuva420p", "transparency"),
    ("yuv422p12le", "12 bits a channel (8 are written)"),
])  # fmt: skip
def test_what_pixels_lose_is_told(tmp_path, capsys, form, told):
    source = film_files.write_film(tmp_path / "a.mkv", 3, codec="ffv1", form=form)
    assert main(["run", "bicubic2", str(source), "-o", f"{tmp_path}/b.mkv"]) == 0
    assert capsys.readouterr().err == f"tvm-srq: {source}: {tmp_path}/b.mkv does not keep {told}\n"
    assert film_files.about(tmp_path / "b.mkv")["form"] == f"yuv{form[3:].removeprefix('a')[:3]}p".replace("yuva", "yuv")


@pytest.mark.parametrize("tone", [0, 1, 2])
def test_grey_films_keep_their_tones_in_h264(tmp_path, tone):
    """Whose decoder gives grey as YUV without colour, of the range that the file says."""
    source = film_files.write_film(tmp_path / "a.mkv", 2, codec="ffv1", form="gray", colours=(2, tone, 2, 2))
    assert main(["run", "bicubic2", str(source), "-o", f"{tmp_path}/b.mp4", "--encoder-option", "qp=0"]) == 0
    for before, after in zip(film_files.frames(source), film_files.frames(tmp_path / "b.mp4"), strict=True):
        expected = resize_bicubic(to_picture(before, VideoReformatter(), source), 2)
        shown = to_picture(after, VideoReformatter(), source)
        assert np.abs(shown.astype(int) - expected).max() <= 1


def test_transparency_of_webm_is_told(tmp_path, capsys):
    source = film_files.write_film(tmp_path / "a.webm", 3, "libvpx-vp9", "yuva420p")
    assert main(["run", "bicubic2", str(source), "-o", f"{tmp_path}/b.mkv"]) == 0
    assert capsys.readouterr().err.endswith("b.mkv does not keep transparency\n")


def test_odd_sizes_have_chroma_of_their_own(tmp_path, capsys):
    source = film_files.write_film(tmp_path / "a.mkv", 3, codec="ffv1", size=(25, 33))
    assert main(["run", "bicubic3", str(source), "-o", f"{tmp_path}/b.mp4"]) == 0
    assert capsys.readouterr().err.endswith("b.mp4 does not keep 4:2:0 chroma (4:4:4 is written)\n")
    made = film_files.about(tmp_path / "b.mp4")
    assert made["size"] == (99, 75) and made["form"] == "yuv444p"
    assert main(["run", "bicubic3", str(source), "-o", f"{tmp_path}/b.mkv", *LOSSLESS]) == 0
    assert film_files.about(tmp_path / "b.mkv")["form"] == "yuv420p" and capsys.readouterr().err == ""
