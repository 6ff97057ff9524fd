"""What of a film is time: every frame is there, at its time, in its unit, and lasts as long."""

from fractions import Fraction
from pathlib import Path

import film_files
import pytest

pytest.importorskip("av", reason="PyAV is not installed: pip install '.[video]'")

from tvm_srq.cli import main  # noqa: E402


def upscale(source: Path, output: Path, *options: str) -> None:
    assert main(["run", "bicubic2", str(source), "-o", str(output), *options]) == 0


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("time_base", [Fraction(1, 1000), Fraction(1, 600), Fraction(1, 90000)])
def test_varying_intervals_stay_as_they_are(tmp_path, capsys, suffix, time_base):
    units = [time * time_base.denominator // 500 for time in film_files.VARYING]
    source = film_files.write_film(tmp_path / f"a{suffix}", times=units, time_base=time_base, options={"bf": "0"})
    upscale(source, tmp_path / f"b{suffix}")
    before, after = film_files.frames(source), film_files.frames(tmp_path / f"b{suffix}")
    assert [frame.pts for frame in after] == [frame.pts for frame in before]
    assert {frame.time_base for frame in after} == {frame.time_base for frame in before}
    assert film_files.about(source)["duration"] == film_files.about(tmp_path / f"b{suffix}")["duration"]
    assert capsys.readouterr().err == ""


def test_constant_rate_of_television(tmp_path):
    """30000 / 1001 frames a second, from frames that depend on later ones."""
    times = [1001 * number for number in range(20)]
    source = film_files.write_film(
        tmp_path / "a.mp4", times=times, time_base=Fraction(1, 30000), options={"bf": "3"}, rate=Fraction(30000, 1001)
    )
    upscale(source, tmp_path / "b.mp4")
    before, after = film_files.about(source), film_files.about(tmp_path / "b.mp4")
    assert [after[key] for key in ("time_base", "rate", "frames", "duration")] == [Fraction(1, 30000), before["rate"], 20, 20020]
    assert film_files.times(tmp_path / "b.mp4") == [Fraction(time, 30000) for time in times]


def test_matroska_counts_milliseconds_and_says_so(tmp_path, capsys):
    source = film_files.write_film(tmp_path / "a.mp4", times=[0, 41, 82, 130], time_base=Fraction(1, 1024))
    upscale(source, tmp_path / "b.mkv")
    assert film_files.times(tmp_path / "b.mkv") == [Fraction(time, 1000) for time in (0, 40, 80, 127)]
    assert f"{tmp_path}/b.mkv does not keep exact times of frames (matroska counts in 1/1000 s)" in capsys.readouterr().err


def test_a_film_that_begins_late_begins_late(tmp_path):
    source = film_files.write_film(tmp_path / "a.mkv", times=[1500, 1540, 1590])
    for suffix in (".mkv", ".mp4"):
        upscale(source, tmp_path / f"b{suffix}")
        assert film_files.times(tmp_path / f"b{suffix}") == [Fraction(time, 1000) for time in (1500, 1540, 1590)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_broadcasts_begin_at_0(tmp_path, capsys, suffix):
    """Their times count on from any number, in MPEG transport streams; sound stays with the pictures."""
    silent = film_files.write_film(tmp_path / "silent.ts", times=[5000 + 40 * number for number in range(10)])
    assert film_files.times(silent)[0] >= 5
    upscale(silent, tmp_path / f"silent{suffix}")
    assert film_files.times(tmp_path / f"silent{suffix}") == [Fraction(number, 25) for number in range(10)]
    source = film_files.write_film(tmp_path / "a.ts", 20, audio="aac")
    upscale(source, tmp_path / f"b{suffix}")
    assert ("exact times of frames (matroska counts in 1/1000 s)" in capsys.readouterr().err) == (suffix == ".mkv")
    before, after = film_files.times(source), film_files.times(tmp_path / f"b{suffix}")
    sound, made = (film_files.packets(path, "audio") for path in (source, tmp_path / f"b{suffix}"))
    apart = (before[0] - sound[0][0]) - (after[0] - made[0][0])
    assert len(after) == 20 and len(made) == len(sound) and abs(apart) <= Fraction(1, 1000)


def test_avi_numbers_frames(tmp_path, capsys):
    source = film_files.write_film(tmp_path / "a.mkv", 10)
    upscale(source, tmp_path / "b.avi")
    assert film_files.times(tmp_path / "b.avi") == [Fraction(number, 25) for number in range(10)]
    varying = film_files.write_film(tmp_path / "c.mkv", times=film_files.VARYING)
    assert main(["run", "bicubic2", str(varying), "-o", f"{tmp_path}/d.avi"]) in (0, 2)
    if not (tmp_path / "d.avi").exists():
        assert "at varying intervals, which this format has not; write .mkv or .mp4" in capsys.readouterr().err


def test_reordered_frames_of_avi_come_in_order(tmp_path, capsys):
    """AVI says when frames are decoded and not when they are shown."""
    source = film_files.write_film(
        tmp_path / "a.avi", times=range(10), time_base=Fraction(1, 25), options={"bf": "2", "qp": "0", "x264-params": "b-adapt=0"}
    )
    upscale(source, tmp_path / "b.mkv", "--codec", "ffv1")
    assert capsys.readouterr().err == ""
    made = film_files.times(tmp_path / "b.mkv")
    assert [time - made[0] for time in made] == [Fraction(number, 25) for number in range(10)]


@pytest.mark.parametrize("codec", ["libx264", "ffv1", "mpeg4"])
def test_encoders_in_avi(tmp_path, capsys, codec):
    source = film_files.write_film(tmp_path / "a.mkv", 10)
    upscale(source, tmp_path / "b.avi", "--codec", codec)
    assert film_files.decoding_times(tmp_path / "b.avi") == list(range(10)) and capsys.readouterr().err == ""


@pytest.mark.parametrize("codec", ["libx265", "libsvtav1", "libvpx-vp9", "libvpx", "ffv1", "mpeg4", "prores_ks"])
def test_other_encoders_reorder_frames_in_their_own_ways(tmp_path, capfd, codec):
    source = film_files.write_film(tmp_path / "a.mkv", times=film_files.VARYING, size=(48, 64))
    upscale(source, tmp_path / "b.mkv", "--codec", codec)
    assert film_files.times(tmp_path / "b.mkv") == film_files.times(source)
    assert [line for line in capfd.readouterr().err.splitlines() if "does not keep" not in line] == []


def test_an_excerpt_begins_at_its_start(tmp_path):
    source = film_files.write_film(tmp_path / "a.mp4", 25, audio="aac", chapters=True)
    upscale(source, tmp_path / "b.mp4", "--start", "0.2", "--end", "0.6", "--codec", "libx264", "--crf", "0")
    assert film_files.times(tmp_path / "b.mp4") == [Fraction(number, 25) for number in range(10)]
    heard = [content for time, content in film_files.packets(source, "audio") if Fraction(1, 5) <= time < Fraction(3, 5)]
    assert [content for _, content in film_files.packets(tmp_path / "b.mp4", "audio")] == heard
    assert film_files.about(tmp_path / "b.mp4")["chapters"] == ["first", "second"]


def test_an_excerpt_from_deep_inside_is_that_of_the_whole(tmp_path):
    """Reading begins at a key frame before the excerpt; its frames are those that reading the whole film gives."""
    source = film_files.write_film(tmp_path / "a.mp4", 60, rate=5, options={"g": "10", "bf": "2"})
    upscale(source, tmp_path / "whole.mkv", "--codec", "ffv1")
    upscale(source, tmp_path / "part.mkv", "--codec", "ffv1", "--start", "7", "--end", "9")
    whole, part = film_files.frames(tmp_path / "whole.mkv"), film_files.frames(tmp_path / "part.mkv")
    assert len(part) == 10
    for before, after in zip(whole[35:45], part):
        assert all(bytes(one) == bytes(other) for one, other in zip(before.planes, after.planes))
