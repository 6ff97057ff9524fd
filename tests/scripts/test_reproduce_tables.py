"""The tables: rows are measured once, kept with their networks, and printed with means over seeds."""

import json
import sys

import numpy as np
import pytest

import reproduce_tables
from tables.layout import table
from tables.measure import Tables
from tables.methods import METHODS, PAPER_LOSS, row_key
from tvm_srq.data.pictures import write_picture


def test_rows_are_named_by_what_they_depend_on():
    assert row_key("edsr", "float32", 4, 1) == "edsr float32"
    assert row_key("edsr", "min-max", 4, 1) == "edsr min-max W4A4"
    assert row_key("edsr", "+ finetuning (default)", 3, 1) == "edsr + finetuning (default) W3A3 seed 1"
    assert row_key("edsr", "fast6", 4, 2) == "edsr fast6 seed 2"
    assert set(PAPER_LOSS) <= set(METHODS)


def test_seeds_are_averaged_and_the_paper_s_losses_stand_beside_ours():
    rows = {"n float32": {"Set5": 38.0}, "n min-max W4A4": {"Set5": 36.5, "cpu seconds": 3.2}}
    for seed, score in enumerate((37.5, 37.7)):
        rows[row_key("n", "+ finetuning (default)", 4, seed)] = {"Set5": score, "cpu seconds": 100.0 + seed}
    rows[row_key("n", "fast6", 4, 0)] = {}  # nothing measured yet
    lines = table(rows, "n", 4, ["Set5"], [0, 1]).splitlines()[4:]
    assert lines == [
        "| float32 | 38.000 |  |  |  |  |",
        "| min-max | 36.500 | 1.500 | 5.27 |  | 3 |",
        "| + finetuning (default) | 37.600 | 0.400 (0.200) |  | 2 | 100 |",
    ]
    assert table(rows, "n", 8, ["Set5"], [0, 1]) == ""  # float32 alone


def test_data_that_are_not_there_are_told(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("TVM_SRQ_DATA", raising=False)
    monkeypatch.setattr(sys, "argv", ["reproduce_tables.py", "--results", str(tmp_path / "results")])
    assert reproduce_tables.main() == 2 and "TVM_SRQ_DATA is not set" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_the_bundled_network_is_found_without_data(default_checkpoint, tmp_path):
    tables = Tables(tmp_path, tmp_path / "data", 48)
    assert tables.checkpoint(default_checkpoint.stem) == default_checkpoint
    assert tables.checkpoint("edsr_r8f64_x2") == tmp_path / "data/weights/edsr_r8f64_x2.pt"


@pytest.fixture
def small_data(default_checkpoint, tmp_path):
    """A checkpoint named as a ``.pt``, a calibration folder and one test picture, laid out as TVM_SRQ_DATA is."""
    from safetensors.torch import load_file
    from torch import save

    generator = np.random.default_rng(0)
    calibration = tmp_path / "datasets/calibration/BSDS500train100/LR_bicubic/X2"
    for folder, side in ((calibration, 24), (tmp_path / "datasets/Tiny", 32), (tmp_path / "weights", 0)):
        folder.mkdir(parents=True)
        if side:
            write_picture(folder / "a.png", generator.integers(0, 256, (side, side, 3)).astype(np.uint8))
    save(load_file(default_checkpoint), tmp_path / "weights/tiny.pt")
    return tmp_path


def test_rows_are_kept_with_their_networks_and_not_measured_again(small_data, monkeypatch, capsys):
    results, written = small_data / "results", small_data / "results.md"
    arguments = ["--networks", "tiny", "--datasets", "Tiny", "--results", str(results), "--markdown", str(written),
                 "--bits", "4", "--methods", "min-max", "dual region, free, strict"]  # fmt: skip
    monkeypatch.setenv("TVM_SRQ_DATA", str(small_data))
    monkeypatch.setattr(sys, "argv", ["reproduce_tables.py", *arguments])
    reproduce_tables.main()
    rows = json.loads((results / "results.json").read_text())
    assert [rows[f"tiny {row}"]["executor"].split()[0] for row in
            ("float32", "min-max W4A4", "dual region, free, strict W4A4")] == ["PyTorch", "compiled", "float"]  # fmt: skip
    assert {path.suffix for path in results.iterdir()} == {".json", ".srq", ".tar"}
    assert f"| min-max | {rows['tiny min-max W4A4']['Tiny']:.3f} |" in written.read_text()
    before = {path: path.stat().st_mtime_ns for path in results.iterdir()}
    reproduce_tables.main()
    assert {path: path.stat().st_mtime_ns for path in results.iterdir()} == before
