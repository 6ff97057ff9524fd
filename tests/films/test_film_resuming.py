"""Films that are interrupted go on where they were and become what they would have been."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import film_files
import numpy as np
import pytest

pytest.importorskip("av", reason="PyAV is not installed: pip install '.[video]'")

from tvm_srq.cli import main  # noqa: E402
from tvm_srq.films import upscaling  # noqa: E402
from tvm_srq.films.parts import Parts, PartWriter  # noqa: E402
from tvm_srq.upscalers import Loaded, load_upscaler  # noqa: E402

COUNT = 23
RUN = """
import os, signal, sys
from tvm_srq import upscalers
from tvm_srq.cli import main
from tvm_srq.films import upscaling

upscaling.PART_FRAMES, last, bicubic = 5, int(sys.argv[1]), upscalers.load_upscaler("bicubic2")
calls = []

def upscale(picture):
    calls.append(1)
    if len(calls) == last:
        os.kill(os.getpid(), signal.SIGKILL)
    return bicubic.upscale(picture)

upscalers.load_upscaler = lambda *_: upscalers.Loaded(upscale, 2, "bicubic", None)
sys.exit(main(sys.argv[2:]))
"""


class Network:
    """Bicubic interpolation that is interrupted once, and counts."""

    def __init__(self, interrupted_at: int | None):
        self.interrupted_at, self.calls, self.bicubic = interrupted_at, 0, load_upscaler("bicubic2")

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        self.calls += 1
        if self.calls == self.interrupted_at:
            raise KeyboardInterrupt
        return self.bicubic.upscale(picture)


@pytest.fixture
def source(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(upscaling, "PART_FRAMES", 5)
    return film_files.write_film(tmp_path / "a.mp4", COUNT, audio="aac", options={"bf": "2"})


def run(monkeypatch, source: Path, output: Path, *options: str, interrupted_at: int | None = None) -> tuple[int, int]:
    """The exit code, and how many frames went through the network."""
    network = Network(interrupted_at)
    with monkeypatch.context() as patch:
        patch.setattr("tvm_srq.upscalers.load_upscaler", lambda *_: Loaded(network, 2, "bicubic", None))
        return main(["run", "net.tar", str(source), "-o", str(output), *options]), network.calls


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_interrupted_and_resumed_it_is_the_same_file(tmp_path, monkeypatch, capsys, source, suffix):
    assert run(monkeypatch, source, tmp_path / f"whole{suffix}") == (0, COUNT)
    output = tmp_path / f"b{suffix}"
    assert run(monkeypatch, source, output, interrupted_at=13) == (130, 13)
    assert capsys.readouterr().err == f"tvm-srq: interrupted; 10 of {COUNT} frames of {source} are upscaled; --resume goes on\n"
    assert not output.exists() and sorted(path.name for path in Path(f"{output}.parts").iterdir()) == [
        "0000000000-5.packets", "0000000005-5.packets", "film.json",
    ]  # fmt: skip
    assert run(monkeypatch, source, output, "--resume", interrupted_at=9) == (130, 9)
    assert run(monkeypatch, source, output, "--resume") == (0, COUNT - 15)
    assert film_files.packets(output, "video") == film_files.packets(tmp_path / f"whole{suffix}", "video")
    assert film_files.packets(output, "audio") == film_files.packets(tmp_path / f"whole{suffix}", "audio")
    if suffix == ".mp4":  # Matroska files have a random number each
        assert output.read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    assert not Path(f"{output}.parts").exists()
    assert run(monkeypatch, source, output, "--resume") == (0, 0)


def test_interrupted_while_it_is_put_together(tmp_path, monkeypatch, capsys, source):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(upscaling, "write_film", interrupted)
        assert run(monkeypatch, source, tmp_path / "b.mp4") == (130, COUNT)
    told = f"tvm-srq: interrupted; {COUNT} of {COUNT} frames of {source} are upscaled; --resume goes on\n"
    assert capsys.readouterr().err == told and not (tmp_path / "b.mp4").exists()
    assert run(monkeypatch, source, tmp_path / "b.mp4", "--resume") == (0, 0)
    assert len(film_files.frames(tmp_path / "b.mp4")) == COUNT


def test_killed_and_resumed_it_is_the_same_file(tmp_path, monkeypatch, source):
    assert run(monkeypatch, source, tmp_path / "whole.mp4") == (0, COUNT)
    command = [sys.executable, "-c", RUN, "18", "run", "net.tar", str(source), "-o", f"{tmp_path}/b.mp4"]
    assert subprocess.run(command, env={**os.environ}).returncode == -signal.SIGKILL
    code, calls = run(monkeypatch, source, tmp_path / "b.mp4", "--resume")
    assert code == 0 and calls in (COUNT - 10, COUNT - 15)  # the encoder may not have come to the third part's end
    assert (tmp_path / "b.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4", "whole.mp4"]


def test_without_resume_it_begins_anew(tmp_path, monkeypatch, source):
    run(monkeypatch, source, tmp_path / "b.mp4", interrupted_at=13)
    assert run(monkeypatch, source, tmp_path / "b.mp4") == (0, COUNT)
    assert len(film_files.frames(tmp_path / "b.mp4")) == COUNT


def test_parts_of_something_else_are_refused(tmp_path, monkeypatch, capsys, source):
    output, parts = tmp_path / "b.mp4", tmp_path / "b.mp4.parts"
    other = film_files.write_film(tmp_path / "other.mp4", COUNT + 1)
    run(monkeypatch, source, output, interrupted_at=13)
    capsys.readouterr()
    for arguments, what in (((other,), "film"), ((source, "--crf", "30"), "options"), ((source, "--end", "0.6"), "options")):
        path, *options = arguments
        assert run(monkeypatch, path, output, "--resume", *map(str, options)) == (2, 0)
        message = f"tvm-srq: {parts} holds parts of another {what}; leave --resume out to begin anew\n"
        assert capsys.readouterr().err.replace("film, options", "film") == message
    assert main(["run", "bicubic2", str(source), "-o", str(output), "--resume"]) == 2
    assert capsys.readouterr().err == f"tvm-srq: {parts} holds parts of another network; leave --resume out to begin anew\n"
    state = json.loads((parts / "film.json").read_text())
    assert state["options"]["codec"] == "libx264" and len(list(parts.glob("*.packets"))) == 2


def test_a_folder_of_something_else_is_left_alone(tmp_path, monkeypatch, capsys, source):
    mine = tmp_path / "b.mp4.parts"
    mine.mkdir()
    (mine / "mine.txt").write_text("mine")
    assert run(monkeypatch, source, tmp_path / "b.mp4") == (2, 0)
    assert "b.mp4.parts is where the film's parts go, and it holds something else; move it away" in capsys.readouterr().err
    assert (mine / "mine.txt").read_text() == "mine"


def test_a_full_disk_keeps_what_is_done(tmp_path, monkeypatch, capsys, source):
    whole, packets = PartWriter.write, []

    def write(self: PartWriter, coded: list) -> None:
        packets.extend(coded)
        if len(packets) > 12:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        whole(self, coded)

    with monkeypatch.context() as patch:
        patch.setattr(PartWriter, "write", write)
        assert run(monkeypatch, source, tmp_path / "b.mp4")[0] == 2
    assert capsys.readouterr().err == "tvm-srq: No space left on device\n"
    assert run(monkeypatch, source, tmp_path / "b.mp4", "--resume") == (0, COUNT - 10)
    assert run(monkeypatch, source, tmp_path / "whole.mp4") == (0, COUNT)
    assert (tmp_path / "b.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()


def test_a_folder_that_is_interrupted_goes_on(tmp_path, monkeypatch, capsys, source):
    """The second film is, which keeps its parts; the first is done, and skipped."""
    (tmp_path / "in").mkdir()
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / "in" / name).write_bytes(source.read_bytes())
    folder, output = tmp_path / "in", tmp_path / "out"
    assert run(monkeypatch, folder, output, interrupted_at=COUNT + 13) == (130, COUNT + 13)
    told = f"tvm-srq: interrupted; 1 of 2 films are done; 10 of {COUNT} frames of {folder}/b.mp4 are upscaled; --resume goes on\n"
    assert capsys.readouterr().err == told
    assert sorted(path.name for path in output.iterdir()) == ["a.mp4", "b.mp4.parts"]
    assert run(monkeypatch, folder, output, "--resume") == (0, COUNT - 10)
    assert capsys.readouterr().out.startswith(f"1 upscaled, 1 skipped, 0 failed; {COUNT} frames of films")
    assert (output / "a.mp4").read_bytes() == (output / "b.mp4").read_bytes()


def test_two_processes_do_not_make_one_film(tmp_path, monkeypatch, capsys, source):
    held = Parts(tmp_path / "b.mp4", {"film": "x"}, resume=False)
    assert run(monkeypatch, source, tmp_path / "b.mp4") == (2, 0)
    assert f"{tmp_path}/b.mp4 is being made by another process" in capsys.readouterr().err
    held.close(finished=True)
    assert run(monkeypatch, source, tmp_path / "b.mp4") == (0, COUNT)


def test_an_early_interruption_leaves_nothing(tmp_path, monkeypatch, capsys, source):
    assert run(monkeypatch, source, tmp_path / "b.mp4", interrupted_at=2) == (130, 2)
    assert capsys.readouterr().err == f"tvm-srq: interrupted; no part of {source} is done\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_many_parts_are_what_one_is(tmp_path, monkeypatch, source):
    """The same frames at the same times, with times for decoding that rise, also where frames come at varying intervals."""
    varying = film_files.write_film(tmp_path / "v.mkv", times=film_files.VARYING)
    for path in (source, varying):
        lossless = ("--encoder-option", "qp=0")
        run(monkeypatch, path, tmp_path / "parts.mp4", *lossless)
        with monkeypatch.context() as patch:
            patch.setattr(upscaling, "PART_FRAMES", 250)
            run(monkeypatch, path, tmp_path / "one.mp4", *lossless)
        made, whole = film_files.frames(tmp_path / "parts.mp4"), film_files.frames(tmp_path / "one.mp4")
        assert film_files.times(tmp_path / "parts.mp4") == film_files.times(tmp_path / "one.mp4") == film_files.times(path)
        assert all(np.array_equal(one.to_ndarray(), other.to_ndarray()) for one, other in zip(made, whole, strict=True))
        decoding = film_files.decoding_times(tmp_path / "parts.mp4")
        assert decoding == sorted(set(decoding))
        assert film_files.about(tmp_path / "parts.mp4")["duration"] == film_files.about(tmp_path / "one.mp4")["duration"]


@pytest.mark.parametrize("codec", ["libx265", "libsvtav1", "libvpx-vp9", "ffv1", "mpeg4"])
def test_parts_of_every_encoder_follow_each_other(tmp_path, source, codec):
    """Every frame can be decoded, and is near the one that is there."""
    assert main(["run", "bicubic2", str(source), "-o", f"{tmp_path}/b.mkv", "--codec", codec]) == 0
    assert film_files.times(tmp_path / "b.mkv") == film_files.times(source)
    for before, after in zip(film_files.frames(source), film_files.frames(tmp_path / "b.mkv"), strict=True):
        expected = load_upscaler("bicubic2").upscale(before.to_ndarray(format="rgb24")).astype(int)
        assert np.abs(after.to_ndarray(format="rgb24") - expected).mean() < 6
