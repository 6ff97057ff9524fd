"""``tvm-srq run`` over folders: everything that can be is upscaled, the rest is told, and nothing is half-written."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import picture_files
import pytest
from PIL import Image

from tvm_srq.cli import main
from tvm_srq.data.pictures import in_grey
from tvm_srq.errors import UserError
from tvm_srq.pictures import pipeline
from tvm_srq.pictures.jobs import plan_jobs
from tvm_srq.pictures.reading import read_whole
from tvm_srq.pictures.settings import DEFAULTS
from tvm_srq.runtime import Session
from tvm_srq.upscalers import Loaded, load_upscaler

SUMMARY = re.compile(r"(\d+) upscaled, (\d+) skipped, (\d+) failed; [0-9.]+ pictures/s, [0-9.]+ Mpixel/s written\n")


def counts(output: str) -> tuple[int, ...]:
    """Upscaled, skipped and failed, of a summary that is all there is."""
    found = SUMMARY.fullmatch(output)
    assert found is not None, output
    return tuple(map(int, found.groups()))


def test_a_folder_of_everything(tmp_path, small_edsr, capsys):
    whole = picture_files.write_mixture(tmp_path / "in")
    network = small_edsr.artifact("x86-64-v2")
    assert main(["run", str(network), f"{tmp_path}/in", "-o", f"{tmp_path}/out"]) == 1
    output, errors = capsys.readouterr()
    assert counts(output) == (len(whole), 0, len(picture_files.BROKEN))
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(whole)
    lines = {Path(line.split(": ")[1].split(" is not")[0]).name: line for line in errors.splitlines()}
    assert all(lines[name].endswith("give a PNG, JPEG or BMP") for name in picture_files.BROKEN)
    assert "does not keep 16 bits a channel (8 are written)" in lines["deep.png"]
    assert "does not keep CMYK (sRGB is written)" in lines["cmyk.jpg"]
    gifs = {"moving.gif", "still.gif"}  # which may need more colours than they can have
    assert set(lines) - gifs == {"deep.png", "cmyk.jpg", *picture_files.BROKEN}
    session = Session(network)
    for name, count in whole.items():
        source, made = read_whole(tmp_path / "in" / name), read_whole(tmp_path / "out" / name)
        assert len(made.frames) == count and made.plays == source.plays
        for before, after in zip(source.frames, made.frames):
            assert after.duration == before.duration and after.grey == before.grey
            assert (after.alpha is None) == (before.alpha is None)
            assert after.colours.shape[:2] == (18, 24)
            if Path(name).suffix in (".png", ".tif", ".tiff", ".bmp") and before.alpha is None:
                three = np.repeat(before.colours, 3 // before.colours.shape[2], 2)
                expected = in_grey(session(three)) if before.grey else session(three)
                np.testing.assert_array_equal(after.colours, expected)


def test_what_surrounds_the_pixels_is_kept(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    suffixes = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "AVIF": ".avif", "TIFF": ".tif", "BMP": ".bmp"}
    for name, suffix in suffixes.items():
        picture_files.rgb().save(tmp_path / f"in/of_{name}{suffix}", **picture_files.surrounded(name))
    assert main(["run", "bicubic2", f"{tmp_path}/in", "-o", f"{tmp_path}/out"]) == 0
    output, errors = capsys.readouterr()
    assert counts(output) == (6, 0, 0) and errors == ""
    for path in (tmp_path / "in").iterdir():
        before, after = read_whole(path).metadata, read_whole(tmp_path / "out" / path.name).metadata
        assert (after.icc_profile, after.xmp, after.text, after.dpi) == (before.icc_profile, before.xmp, before.text, before.dpi)


def test_one_file_is_told_in_one_line(tmp_path, capsys):
    picture_files.rgba().save(tmp_path / "a.png", dpi=picture_files.DPI)
    assert main(["run", "bicubic2", f"{tmp_path}/a.png", "-o", f"{tmp_path}/b.jpg"]) == 0
    assert main(["run", "bicubic2", f"{tmp_path}/a.png", "-o", f"{tmp_path}/b.jpg"]) == 0  # which replaces it
    assert main(["run", "bicubic2", f"{tmp_path}/a.png", "-o", f"{tmp_path}/b.jpg", "--alpha", "drop"]) == 0
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors == 2 * f"tvm-srq: {tmp_path}/a.png: {tmp_path}/b.jpg does not keep transparency (put on white)\n"


def test_outputs_that_are_there(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.png"):
        picture_files.rgb().save(tmp_path / "in" / name)
    run = ["run", "bicubic2", f"{tmp_path}/in", "-o", f"{tmp_path}/out"]
    assert main(run) == 0
    (tmp_path / "out/a.png").write_text("mine")
    (tmp_path / "out/b.png").unlink()
    capsys.readouterr()
    assert main(run) == 1
    output, errors = capsys.readouterr()
    assert counts(output) == (1, 0, 1)
    assert errors == f"tvm-srq: {tmp_path}/out/a.png is there already; give --overwrite to replace it or --resume to skip it\n"
    assert main([*run, "--resume"]) == 0 and counts(capsys.readouterr().out) == (0, 2, 0)
    assert (tmp_path / "out/a.png").read_text() == "mine"
    assert main([*run, "--overwrite"]) == 0 and counts(capsys.readouterr().out) == (2, 0, 0)
    assert (tmp_path / "out/a.png").read_bytes() == (tmp_path / "out/b.png").read_bytes()


def test_a_file_into_a_folder_in_another_format(tmp_path, capsys):
    picture_files.grey().save(tmp_path / "a.png")
    assert main(["run", "bicubic2", f"{tmp_path}/a.png", "-o", f"{tmp_path}/new/", "--format", "jpg", "--suffix=-large"]) == 0
    with Image.open(tmp_path / "new/a-large.jpg") as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "L", (24, 18))


@pytest.mark.parametrize("options", [["--suffix", "x"], ["--recursive"]])
def test_options_for_folders_are_refused_for_a_file(tmp_path, capsys, options):
    picture_files.grey().save(tmp_path / "a.png")
    assert main(["run", "bicubic2", f"{tmp_path}/a.png", "-o", f"{tmp_path}/b.png", *options]) == 2
    assert "suffix and recursive are for outputs in a folder" in capsys.readouterr().err and not (tmp_path / "b.png").exists()


def test_a_network_s_trouble_with_one_picture_is_not_the_others(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for index in range(3):
        picture_files.rgb().save(folder / f"{index}.png")
    calls, lines = [], []

    def upscale(picture: np.ndarray) -> np.ndarray:
        calls.append(picture)
        if len(calls) == 1:
            raise UserError("it is too small")
        if len(calls) == 2:
            raise MemoryError("Unable to allocate\n2 GiB")
        return picture

    jobs = plan_jobs([folder], tmp_path / "out", DEFAULTS)
    summary = pipeline.run_jobs(jobs, Loaded(upscale, 1, "one"), DEFAULTS, lines.append)
    assert (summary.upscaled, summary.failed, summary.pixels) == (1, 2, 9 * 12)
    assert lines == [f"{folder}/0.png: it is too small", f"{folder}/1.png failed: MemoryError Unable to allocate 2 GiB"]


def test_interrupted_it_says_what_is_done_and_leaves_nothing_half_written(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    for index in range(4):
        picture_files.rgb().save(folder / f"{index}.png")
    bicubic, calls = load_upscaler("bicubic2"), []

    def upscale(picture: np.ndarray) -> np.ndarray:
        calls.append(picture)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return bicubic.upscale(picture)

    monkeypatch.setattr("tvm_srq.upscalers.load_upscaler", lambda *_: Loaded(upscale, 2, "bicubic"))
    assert main(["run", "net.tar", str(folder), "-o", f"{tmp_path}/out"]) == 130
    assert capsys.readouterr().err == "tvm-srq: interrupted; 2 of 4 pictures are upscaled; --resume goes on\n"
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert made == ["0.png", "1.png"]
    assert all(read_whole(tmp_path / "out" / name).frames[0].colours.shape == (18, 24, 3) for name in made)


PEAK = """
import resource, sys
from tvm_srq.cli import main
code = main(["run", "bicubic2", sys.argv[1], "-o", sys.argv[2]])
print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_peak_memory_does_not_grow_with_pictures(tmp_path):
    """Pictures whose outputs take 12 MB each: 16 more of them, which are 190 MB, take no more than two of them would."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), np.uint8))
    peaks = []
    for count in (4, 20):
        folder = tmp_path / f"in{count}"
        folder.mkdir()
        for index in range(count):
            picture.save(folder / f"{index}.bmp")
        command = [sys.executable, "-c", PEAK, str(folder), f"{tmp_path}/out{count}"]
        code, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1].split()
        assert code == "0"
        peaks.append(int(peak) * 1024)
    assert peaks[1] - peaks[0] < 24e6
