"""Films in ``tvm-srq run`` beside pictures, and what is refused before anything is written."""

import re
import subprocess
import sys
from pathlib import Path

import film_files
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("av", reason="PyAV is not installed: pip install '.[video]'")

from tvm_srq import api  # noqa: E402
from tvm_srq.cli import main  # noqa: E402
from tvm_srq.errors import UserError  # noqa: E402
from tvm_srq.films.settings import FilmSettings, parse_option  # noqa: E402
from tvm_srq.pictures.jobs import plan_jobs  # noqa: E402
from tvm_srq.pictures.settings import RunSettings  # noqa: E402

SUMMARY = re.compile(
    r"(\d+) upscaled, (\d+) skipped, (\d+) failed; (?:[0-9.]+ pictures/s, )?(\d+) frames of films, [0-9.]+ Mpixel/s written\n"
)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two films, one that is none, and a picture."""
    made = tmp_path / "in"
    made.mkdir()
    film_files.write_film(made / "a.mp4", 5)
    film_files.write_film(made / "b.webm", 4, "libvpx-vp9")
    (made / "broken.mkv").write_text("no film")
    Image.fromarray(film_files.picture(0)).save(made / "c.png")
    return made


def counts(output: str) -> tuple[int, ...]:
    found = SUMMARY.fullmatch(output)
    assert found is not None, output
    return tuple(map(int, found.groups()))


def test_films_among_pictures_are_upscaled(tmp_path, folder, capsys):
    run = ["run", "bicubic2", str(folder), "-o", f"{tmp_path}/out"]
    assert main(run) == 1
    output, errors = capsys.readouterr()
    assert counts(output) == (3, 0, 1, 9)
    assert errors.startswith(f"tvm-srq: {folder}/broken.mkv is not a readable film") and errors.count("\n") == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.mp4", "b.webm", "c.png"]
    assert film_files.about(tmp_path / "out/b.webm")["codec"] in ("vp9", "libvpx-vp9")
    assert main(run) == 1
    assert capsys.readouterr().err.count("is there already; give --overwrite to replace it or --resume to skip it") == 3
    assert main([*run, "--resume"]) == 1 and "0 upscaled, 3 skipped, 1 failed" in capsys.readouterr().out
    assert main([*run, "--overwrite", "--crf", "30", "--quality", "50"]) == 1 and counts(capsys.readouterr().out) == (3, 0, 1, 9)


def test_names_and_formats_of_films(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a.MP4", "b.wmv", "c.png", "d.mov"):
        (tmp_path / "in" / name).touch()

    def planned(**settings: object) -> list[tuple[str, str]]:
        return [(job.output.name, job.format) for job in plan_jobs([tmp_path / "in"], "out", RunSettings(**settings))]

    assert planned() == [("a.MP4", "mp4"), ("b.mkv", "matroska"), ("c.png", "PNG"), ("d.mov", "mov")]
    assert planned(format="mkv", suffix="_x2") == [
        ("a_x2.mkv", "matroska"), ("b_x2.mkv", "matroska"), ("c_x2.png", "PNG"), ("d_x2.mkv", "matroska"),
    ]  # fmt: skip
    assert planned(format="webp") == [("a.MP4", "mp4"), ("b.mkv", "matroska"), ("c.webp", "WEBP"), ("d.mov", "mov")]


@pytest.mark.parametrize(("options", "message"), [
    (["--quality", "90"], "quality is for pictures, and no input is one; leave it out (films: --codec, --crf)"),
    (["--alpha", "network"], "alpha is for pictures, and no input is one"),
    (["--format", "webp"], "format webp is for pictures, and no input is one"),
    (["--suffix", "x"], "suffix and recursive are for outputs in a folder"),
    (["--crf", "64"], "crf must be a number from 0 to 63, not 64.0"),
    (["--start", "-1"], "start must be a number of seconds from 0 on, not -1.0"),
    (["--start", "2", "--end", "2"], "the film ends at 2.0 s, not after it starts at 2.0 s; give a larger end"),
    (["--start", "50"], "has no frame from 50.0 s on; give another --start or --end"),
    (["--encoder-option", "slow"], "encoder option 'slow' is not of the form KEY=VALUE, such as preset=slow"),
    (["--encoder-option", "presett=slow"], "encoder libx264 has no option 'presett'; leave it out"),
    (["--encoder-option", "preset=slowish"], "encoder libx264 refuses 64x48 pixels with crf=18, preset=slowish"),
    (["--codec", "x264"], "codec 'x264' names no encoder of this PyAV; use libx264"),
    (["--codec", "aac"], "codec 'aac' encodes audio"),
    (["--codec", "ffv1", "--crf", "3"], "encoder ffv1 has no crf; leave it out"),
    (["--codec", "libvpx-vp9", "--format", "mov"], "mov does not take libvpx-vp9 and the streams of"),
])  # fmt: skip
def test_what_is_refused_before_anything_is_written(tmp_path, capsys, options, message):
    source = film_files.write_film(tmp_path / "a.mp4", 3)
    assert main(["run", "bicubic2", str(source), "-o", f"{tmp_path}/b.mp4", *options]) == 2
    output, errors = capsys.readouterr()
    assert message in errors and errors.count("\n") == 1 and output == ""
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_options_of_films_are_refused_where_there_is_none(tmp_path, capsys):
    Image.fromarray(film_files.picture(0)).save(tmp_path / "a.png")
    assert main(["run", "bicubic2", f"{tmp_path}/a.png", "-o", f"{tmp_path}/b.png", "--crf", "20", "--start", "1"]) == 2
    assert "crf and start is for films, and no input is one; leave it out" in capsys.readouterr().err
    assert main(["run", "bicubic2", f"{tmp_path}/a.png", "-o", f"{tmp_path}/b.mkv"]) == 2
    assert ".mkv names no picture format" in capsys.readouterr().err
    film_files.write_film(tmp_path / "c.mkv", 3)
    assert main(["run", "bicubic2", f"{tmp_path}/c.mkv", "-o", f"{tmp_path}/c.png"]) == 2
    assert "c.png: .png names no film format; use .mp4" in capsys.readouterr().err
    assert main(["run", "bicubic2", f"{tmp_path}/c.mkv", "-o", f"{tmp_path}/c.mkv"]) == 2
    assert "c.mkv is the input" in capsys.readouterr().err


def test_a_grey_network_takes_grey_films_and_refuses_colours(tmp_path, monkeypatch, capsys):
    from tvm_srq.upscalers import Loaded

    seen = []

    def upscale(picture: np.ndarray) -> np.ndarray:
        seen.append(picture.shape)
        return picture.repeat(2, axis=0).repeat(2, axis=1)

    monkeypatch.setattr("tvm_srq.upscalers.load_upscaler", lambda *_: Loaded(upscale, 2, "grey", 1))
    grey = film_files.write_film(tmp_path / "grey.mkv", 3, "ffv1", "gray")
    assert main(["run", "net.tar", str(grey), "-o", f"{tmp_path}/b.mkv", "--codec", "ffv1"]) == 0
    assert seen == [(24, 32, 1)] * 3
    for before, after in zip(film_files.frames(grey), film_files.frames(tmp_path / "b.mkv"), strict=True):
        np.testing.assert_array_equal(after.to_ndarray(), before.to_ndarray().repeat(2, axis=0).repeat(2, axis=1))
    colours = film_files.write_film(tmp_path / "colours.mkv", 3)
    assert main(["run", "net.tar", str(colours), "-o", f"{tmp_path}/c.mkv"]) == 2
    assert "colours.mkv has colours, and the network upscales grey pictures: convert it to grey" in capsys.readouterr().err
    assert not (tmp_path / "c.mkv").exists() and not (tmp_path / "c.mkv.parts").exists()


def test_without_pyav_the_extra_is_named(tmp_path, monkeypatch, folder, capsys):
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["run", "bicubic2", f"{folder}/a.mp4", "-o", f"{tmp_path}/b.mp4"]) == 2
    message = f"{folder}/a.mp4 is a film, which PyAV reads and writes, and it is not installed: pip install '.[video]'"
    assert capsys.readouterr().err == f"tvm-srq: {message}\n"
    assert main(["run", "bicubic2", str(folder), "-o", f"{tmp_path}/out"]) == 1
    output, errors = capsys.readouterr()
    assert message in errors and "1 upscaled, 0 skipped, 3 failed" in output


def test_settings_in_python(tmp_path):
    source = film_files.write_film(tmp_path / "a.mp4", 5)
    settings = RunSettings(film=FilmSettings(codec="libx264", crf=30, options=(parse_option("preset=ultrafast"),), end=0.1))
    assert api.run("bicubic2", source, tmp_path / "b.mkv", settings=settings) == []
    assert len(film_files.frames(tmp_path / "b.mkv")) == 3
    with pytest.raises(UserError, match="does not exist; give the path of a film"):
        api.run("bicubic2", tmp_path / "none.mp4", tmp_path / "c.mkv")


PEAK = """
import resource, sys
from tvm_srq import upscalers
from tvm_srq.cli import main
doubled = lambda picture: picture.repeat(2, axis=0).repeat(2, axis=1)
upscalers.load_upscaler = lambda *_: upscalers.Loaded(doubled, 2, "doubled", None)
code = main(["run", "bicubic2", sys.argv[1], "-o", sys.argv[2], "--encoder-option", "preset=ultrafast"])
print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_peak_memory_does_not_grow_with_frames(tmp_path):
    """Frames of 640x480 that become 1280x960, 3.7 MB each as RGB: 300 more of them, which are 1.1 GB, take no more room."""
    peaks = []
    for count in (60, 360):
        source = film_files.write_film(tmp_path / f"a{count}.mp4", count, size=(480, 640), options={"preset": "ultrafast"})
        command = [sys.executable, "-c", PEAK, str(source), f"{tmp_path}/b{count}.mp4"]
        code, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        assert code == "0"
        peaks.append(int(peak) * 1024)
    assert peaks[1] - peaks[0] < 40e6
