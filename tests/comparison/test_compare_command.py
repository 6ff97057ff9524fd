"""The command, from files to table, JSON, Markdown and chart; and what it refuses before it measures anything."""

import importlib.util
import json
import shutil

import numpy as np
import pytest
from comparison.found_rows import LOST, measured
from tools import require_tools

from tvm_srq.cli import main
from tvm_srq.comparison import comparison
from tvm_srq.data.pictures import write_picture

SIZE = ["--size", "10x12", "--repeat", "2"]


@pytest.fixture(scope="module")
def files(tmp_path_factory, small_edsr, in_8_bits, checkpoint):
    """The network in 4 and in 8 bits for this processor and in 4 for another, its checkpoint, and a small dataset."""
    folder = tmp_path_factory.mktemp("compared")
    sources = {"w4.tar": small_edsr.artifact("x86-64-v2"), "w8.tar": in_8_bits.artifact("x86-64-v2"),
               "arm.tar": small_edsr.artifact("aarch64-linux"), "net.pt": checkpoint, "net.srq": small_edsr.spec}  # fmt: skip
    for name, path in sources.items():
        shutil.copy(path, folder / name)
    (folder / "dataset").mkdir()
    write_picture(folder / "dataset/a.png", np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8))
    return folder


def test_networks_of_this_and_another_processor_and_the_float32_one(files, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(files)
    outputs = ["--json", f"{tmp_path}/a.json", "--markdown", f"{tmp_path}/a.md"]
    if importlib.util.find_spec("matplotlib") is not None:
        outputs += ["--chart", f"{tmp_path}/a.png"]
    assert main(["compare", "w4.tar", "w8.tar", "arm.tar", "net.pt", "--dataset", "dataset", *SIZE, *outputs]) == 0
    said = capsys.readouterr()
    assert said.err == ""  # no progress where nobody sees it
    lines = said.out.splitlines()
    assert lines[0] == "pictures of 10x12, 1 thread, 2 timed with each network, scores on dataset"
    assert [line.split()[0] for line in lines[3:]] == ["w4.tar", "w8.tar", "arm.tar", "net.pt", "[1]"]
    assert "not run [1]" in lines[5] and "target aarch64-linux is for aarch64" in lines[7]

    found = json.loads((tmp_path / "a.json").read_text())
    four, eight, arm, exact = found["rows"]
    assert [row["precision"] for row in found["rows"]] == ["W4A4", "W8A8", "W4A4", "float32"]
    assert [row["basis"] for row in found["rows"]] == ["measured", "measured", "not run", "measured"]
    assert [row["target"] for row in found["rows"]] == ["x86-64-v2", "x86-64-v2", "aarch64-linux", "PyTorch"]
    for row in (four, eight, exact):
        assert len(row["wall_seconds"]) == len(row["cpu_seconds"]) == 2 and row["peak_memory_bytes"] > 1 << 20
        assert row["file_bytes"] == (files / row["network"]).stat().st_size and row["psnr_y_db"] > 0
    for row in (four, eight):
        assert row["flat_colour_shift_levels"] >= 0 and row["psnr_y_to_float32_db"] > 20
    assert exact["psnr_y_to_float32_db"] is None and exact["flat_colour_shift_levels"] is None
    assert arm["median_seconds"] is None and arm["psnr_y_db"] is None and arm["reason"].startswith("target aarch64-linux")
    assert found["notes"] == [] and (tmp_path / "a.md").read_text().count("\n| ") == 6
    assert (tmp_path / "a.png").exists() == ("--chart" in outputs)


def test_a_float32_network_that_is_not_known_is_told(files, monkeypatch, capsys):
    monkeypatch.chdir(files)
    assert main(["compare", "w4.tar", "--dataset", "dataset", *SIZE]) == 0
    assert "the float32 network of w4.tar is not known" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.arm
def test_instructions_take_the_place_of_the_row_that_could_not_run(files, monkeypatch, capsys, tmp_path):
    require_tools("aarch64-linux-gnu-gcc", "qemu-aarch64", "gcc")
    monkeypatch.chdir(files)
    assert main(["compare", "arm.tar", "--instructions", *SIZE, "--json", f"{tmp_path}/a.json"]) == 0
    [row] = json.loads((tmp_path / "a.json").read_text())["rows"]
    assert row["basis"] == "modelled: instructions" and row["device"] == "emulated cortex-a53 (qemu)"
    assert row["instructions"] > 10 * 12 * 100 and row["wall_seconds"] == [] and row["median_seconds"] is None
    assert "modelled: instructions [1]" in capsys.readouterr().out


def test_a_row_that_failed_is_told_and_ends_with_1(files, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(files)
    monkeypatch.setattr(comparison, "measure_here", lambda entries, *_: [measured(entries[0]), LOST])
    assert main(["compare", "w4.tar", "w8.tar", "--json", f"{tmp_path}/a.json"]) == 1
    said = capsys.readouterr()
    assert "failed [1]" in said.out and said.out.splitlines()[-1] == "[1] device pi5 died" and said.err == ""
    assert [row["basis"] for row in json.loads((tmp_path / "a.json").read_text())["rows"]] == ["measured", "failed"]


@pytest.mark.parametrize(("arguments", "message"), [
    (["arm.tar"], "nothing given runs here: arm.tar: target aarch64-linux is for aarch64"),
    (["net.srq"], "net.srq is not compiled; compile it first"),
    (["missing.tar"], "compiled network missing.tar does not exist"),
    (["w4.tar", "./w4.tar"], "./w4.tar is given twice, as w4.tar too"),
    (["w4.tar", "--size", "10"], "--size 10 is no picture size"),
    (["w4.tar", "--repeat", "0"], "repeat must be a whole number from 1"),
    (["w4.tar", "--threads", "0"], "threads must be a whole number from 1"),
    (["w4.tar", "--dataset", "missing"], "dataset missing is no folder"),
    (["w4.tar", "--network", "net.pt"], "give --dataset too"),
    (["w4.tar", "--dataset", "dataset", "--network", "w8.tar"], "--network w8.tar is compiled"),
    (["w4.tar", "--dataset", "dataset", "--network", "none.pt"], "none.pt does not exist"),
    (["w4.tar", "--scale", "2"], "--scale is for networks in float32, and none is given"),
    (["w4.tar", "--white", "255"], "is for networks in float32, and none is given"),
    (["w4.tar", "--instructions"], "--instructions is for RGB networks compiled for aarch64-linux"),
    (["w4.tar", "--json", "missing/a.json"], "folder missing does not exist"),
    (["w4.tar", "--json", "w4.tar"], "the output w4.tar is the input w4.tar"),
    (["w4.tar", "--json", "a", "--markdown", "./a"], "two outputs are called ./a"),
    (["w4.tar", "--chart", "a.jpg"], "--chart a.jpg is drawn as PNG"),
    (["w4.tar", "--rpc-key", "pi5", "pi5", "--rpc-tracker", "127.0.0.1:1"], "--rpc-key pi5 is given twice"),
    (["w4.tar", "--rpc-key", ""], "rpc-key is empty"),
    (["w4.tar", "--rpc-key", "a:b"], "must be a word without colons"),
    (["w4.tar", "--rpc-key", "pi5", "--rpc-tracker", "127.0.0.1:1"], "no tracker answers at 127.0.0.1:1"),
])  # fmt: skip
def test_wrong_values_get_one_sentence_before_anything_is_measured(files, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(files)
    monkeypatch.setattr(comparison, "measured", lambda *_: pytest.fail("it measured"))
    assert main(["compare", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 1 and said.err.startswith("tvm-srq: ") and message in said.err


def test_help_has_an_example(capsys):
    with pytest.raises(SystemExit):
        main(["compare", "--help"])
    assert "tvm-srq compare w4a4.tar w8a8.tar edsr.pt --dataset Set5 --chart latency.png" in capsys.readouterr().out
