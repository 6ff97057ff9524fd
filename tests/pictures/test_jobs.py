"""Which file becomes which, and what is refused before anything starts."""

from pathlib import Path

import pytest

from tvm_srq.errors import UserError
from tvm_srq.pictures.jobs import needs_folder, plan_jobs
from tvm_srq.pictures.settings import RunSettings


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    for name in ("in/b.png", "in/a.JPG", "in/notes.txt", "in/.hidden.png", "in/sub/c.webp", "in/sub/deep/d.tif", "e.psd", "f"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def planned(inputs: list[str], output: str = "out", **settings: object) -> list[tuple[str, str, str]]:
    return [(str(job.source), str(job.output), job.format) for job in plan_jobs(inputs, output, RunSettings(**settings))]


def test_a_folder_s_pictures_by_name(place):
    assert planned(["in"]) == [("in/a.JPG", "out/a.JPG", "JPEG"), ("in/b.png", "out/b.png", "PNG")]


def test_folders_inside_keep_their_places(place):
    made = planned(["in"], recursive=True, format="webp", suffix="_x2")
    assert [output for _, output, _ in made] == ["out/a_x2.webp", "out/b_x2.webp", "out/sub/c_x2.webp", "out/sub/deep/d_x2.webp"]
    assert {name for *_, name in made} == {"WEBP"}


def test_files_and_folders_together(place):
    assert planned(["in/sub", "in/b.png"]) == [("in/sub/c.webp", "out/c.webp", "WEBP"), ("in/b.png", "out/b.png", "PNG")]


def test_what_cannot_be_written_as_it_is_becomes_png(place):
    assert planned(["e.psd", "f"]) == [("e.psd", "out/e.png", "PNG"), ("f", "out/f.png", "PNG")]


def test_an_output_inside_the_input_is_no_input(place):
    (place / "in/out").mkdir()
    (place / "in/out/b.png").touch()
    assert [source for source, *_ in planned(["in"], "in/out", recursive=True)] == [
        "in/a.JPG", "in/b.png", "in/sub/c.webp", "in/sub/deep/d.tif",
    ]  # fmt: skip


def test_earlier_outputs_beside_the_inputs_are_no_inputs(place):
    (place / "in/b_x2.png").touch()
    assert [output for _, output, _ in planned(["in"], "in", suffix="_x2")] == ["in/a_x2.JPG", "in/b_x2.png"]


@pytest.mark.parametrize(("inputs", "output", "settings", "message"), [
    (["in", "in/b.png"], "out", {}, "in/b.png and in/b.png would both become out/b.png"),
    (["in/a.JPG", "in/a.png"], "out", {"format": "png"}, "in/a.JPG and in/a.png would both become out/a.png"),
    (["in"], "in", {}, "the output in/a.JPG is the input in/a.JPG"),
    (["in/b.png", "in/b_x2.png"], "in", {"suffix": "_x2"}, "output in/b_x2.png of in/b.png would replace the input in/b_x2.png"),
    (["in"], "f", {}, "the output f is no folder"), (["in/sub/empty"], "out", {}, "holds no picture .*or give --recursive"),
])  # fmt: skip
def test_what_is_refused(place, inputs, output, settings, message):
    (place / "in/sub/empty").mkdir()
    (place / "in/b_x2.png").touch()
    with pytest.raises(UserError, match=message):
        planned(inputs, output, **settings)
    assert not (place / "out").exists()


def test_when_a_folder_is_made(place):
    assert needs_folder(["in"], "x") and needs_folder(["f", "e.psd"], "x") and needs_folder(["f"], "in")
    assert needs_folder(["f"], "new/") and not needs_folder(["f"], "new.png")


@pytest.mark.parametrize(("settings", "message"), [
    ({"alpha": "some"}, "alpha 'some' is none of bicubic, network, drop"),
    ({"format": "txt"}, "format 'txt' names no picture format"),
    ({"quality": 0}, "quality must be a whole number from 1 to 100"),
    ({"suffix": "a/b"}, "suffix 'a/b' is no part of a file name"),
    ({"overwrite": True, "resume": True}, "give one of the two"),
])  # fmt: skip
def test_settings_that_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        RunSettings(**settings)
