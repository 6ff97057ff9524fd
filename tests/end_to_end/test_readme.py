"""Every command of the README, in its order, as it stands there; on a small network, and what takes minutes with fewer steps."""

import shlex
from pathlib import Path

import pytest
import torch
from small_network import small_module, small_pictures

from tvm_srq.cli import main
from tvm_srq.data.pictures import read_picture

README = Path(__file__).parents[2] / "README.md"
QUICKLY = {"default": ["--finetune-steps", "3"]}  # by a word of the command


def commands() -> list[list[str]]:
    """The README's lines that begin with the command, without their comments."""
    lines = [line.strip() for line in README.read_text().splitlines() if line.startswith("    tvm-srq ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


@pytest.fixture
def newcomer(tmp_path, monkeypatch) -> Path:
    """A folder with what the README's commands name."""
    monkeypatch.chdir(tmp_path)
    torch.save(small_module().state_dict(), "edsr.pt")
    high = tmp_path / "data/datasets/Set5/HR"
    high.mkdir(parents=True)
    small_pictures(high, 1, 48)
    (tmp_path / "lr_pictures").mkdir()
    small_pictures(tmp_path / "lr_pictures", 8)
    next((tmp_path / "lr_pictures").iterdir()).rename("small.png")
    monkeypatch.setenv("TVM_SRQ_DATA", str(tmp_path / "data"))
    return tmp_path


def test_every_command_does_what_it_says(newcomer):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed, which analyze draws with")
    for arguments in commands():
        more = [option for word, options in QUICKLY.items() if word in arguments for option in options]
        assert main([*arguments, *more]) == 0, arguments
    rows, columns, _ = read_picture(newcomer / "small.png").shape
    assert read_picture(newcomer / "large.png").shape == (2 * rows, 2 * columns, 3)
    assert {"net.srq", "finetuned.srq", "net.tar", "app", "report"} <= {path.name for path in newcomer.iterdir()}


def test_the_readme_is_short_and_shows_its_picture():
    text = README.read_text()
    assert len(text.splitlines()) <= 120
    assert (README.parent / "docs/images/astronaut.png").is_file() and "(docs/images/astronaut.png)" in text


def test_files_that_the_readme_names_are_there():
    named = {word.strip("`,.:;()") for word in README.read_text().split() if word.startswith(("docs/", "`scripts/", "scripts/"))}
    assert named and not [name for name in named if not (README.parent / name).exists()]
