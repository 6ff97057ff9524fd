"""What tables, JSON and Markdown say of rows: every figure, its unit, and where there is none."""

import json

import pytest
from comparison.found_rows import ARM, COUNTED, FAST, FLOAT, LOST, NOT_RUN, SLOW

from tvm_srq.comparison.report import as_json, write_outputs
from tvm_srq.comparison.result import Comparison
from tvm_srq.comparison.row import Basis, Row, Timing
from tvm_srq.comparison.settings import Outputs, Settings
from tvm_srq.comparison.table import markdown_table, text_table
from tvm_srq.remote.address import DeviceAddress, TrackerAddress

SETTINGS = Settings(100, 200, rounds=3)
ROW_KEYS = [
    "network", "path", "target", "device", "precision", "description", "scale", "basis", "reason", "load_seconds",
    "first_picture_seconds", "cold_start_seconds", "median_seconds", "percentile90_seconds", "cpu_median_seconds",
    "frames_per_second", "output_pixels_per_second", "wall_seconds", "cpu_seconds", "peak_memory_bytes", "file_bytes",
    "instructions", "psnr_y_db", "psnr_y_to_float32_db", "flat_colour_shift_levels",
]  # fmt: skip


def test_times_are_medians_and_percentiles():
    timing = Timing(0.5, 0.25, (0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.10, 0.11), (3.0, 1.0, 2.0))
    assert (timing.cold_start, timing.median, timing.cpu_median) == (0.75, 0.06, 2.0)
    assert timing.percentile90 == pytest.approx(0.10)
    assert Timing(1, 1, (1.0,)).cpu_median is None


def test_markdown_has_every_figure_with_its_unit():
    lines = markdown_table(Comparison(SETTINGS, (FAST, SLOW, FLOAT, COUNTED))).splitlines()
    assert lines == [
        "pictures of 100x200, 1 thread, 3 timed with each network", "",
        "| network | target | device | precision | basis | cold start, ms | median, ms | 90th percentile, ms | CPU, ms | "
        "frames, per s | output, Mpixel/s | peak memory, MB | file, MB | instructions, million | PSNR-Y, dB | to float32, dB | "
        "flat colours, grey levels |",
        "| --- | --- | --- | --- | --- | " + "---: | " * 11 + "---: |",
        "| fast.tar | x86-64-v3 | A Processor | W4A4 | measured | "
        "750 | 20.0 | 28.0 | 10.0 | 50.0 | 4.00 | 54 | 1.50 |  | 37.50 | 45.25 | 1.2 |",
        "| slow.tar | x86-64-v3 | A Processor | W8A8 | measured | "
        "750 | 100.0 | 180.0 | 50.0 | 10.0 | 0.80 | 54 | 1.50 |  | 37.75 | equal | 0.0 |",
        "| net.pt | PyTorch | A Processor | float32 | measured | "
        "750 | 40.0 | 40.0 | 20.0 | 25.0 | 2.00 | 54 | 1.50 |  | 38.00 |  |  |",
        "| arm.tar | aarch64-linux-a76 | emulated cortex-a76 (qemu) | W4A4 | modelled: instructions [1] | "
        " |  |  |  |  |  |  | 1.50 | 208.0 |  |  |  |", "",
        "[1] times of emulators say nothing",
    ]  # fmt: skip


def test_columns_without_a_value_are_left_out_and_reasons_are_told_once():
    again = Row(ARM, "phone", Basis.NOT_RUN, NOT_RUN.reason)
    plain = Row(FAST.entry, FAST.device, Basis.MEASURED, timing=FAST.timing)
    lines = text_table(Comparison(SETTINGS, (plain, NOT_RUN, again, LOST), ("a note",))).splitlines()
    assert "PSNR-Y" not in lines[1] and "instructions" not in lines[1] and "peak memory" not in lines[1]
    assert lines[1].split()[:5] == ["network", "target", "device", "precision", "basis"]
    assert lines[2].split() == ["ms", "ms", "ms", "ms", "per", "s", "Mpixel/s", "MB"]
    assert lines[3].split()[-8:] == ["measured", "750", "20.0", "28.0", "10.0", "50.0", "4.00", "1.50"]
    assert lines[4].split()[-4:] == ["not", "run", "[1]", "1.50"] and lines[5].split()[-4:] == ["not", "run", "[1]", "1.50"]
    assert lines[6].split()[-3:] == ["failed", "[2]", "1.50"]
    assert lines[7:] == ["[1] it is for aarch64", "[2] device pi5 died", "a note"]


def test_numbers_of_the_table_stand_below_their_titles():
    lines = text_table(Comparison(SETTINGS, (FAST, SLOW, NOT_RUN))).splitlines()
    for title, value in (("median", "20.0"), ("90th percentile", "28.0"), ("peak memory", "54"), ("file", "1.50")):
        end = lines[1].index(title) + len(title)
        assert lines[3][:end].endswith(f" {value}"), title


def test_bars_in_names_do_not_break_markdown():
    named = Row(ARM, "a|b", Basis.NOT_RUN, "why")
    assert "| a\\|b |" in markdown_table(Comparison(SETTINGS, (named,)))


def test_json_has_units_in_its_names():
    address = DeviceAddress(TrackerAddress("127.0.0.1", 9190), "pi5")
    settings = Settings(100, 200, 3, 2, (address,), dataset="Set5", network="net.pt")
    value = json.loads(json.dumps(as_json(Comparison(settings, (FAST, SLOW, COUNTED, LOST), ("a note",))), allow_nan=False))
    assert {key: item for key, item in value.items() if key != "rows"} == {
        "size": [100, 200], "threads": 2, "repeat": 3, "rpc_keys": ["pi5"], "dataset": "Set5", "network": "net.pt",
        "notes": ["a note"],
    }  # fmt: skip
    fast, slow, counted, lost = value["rows"]
    assert all(list(row) == ROW_KEYS for row in value["rows"])
    assert fast["path"] == "folder/fast.tar" and fast["basis"] == "measured" and fast["reason"] is None
    assert (fast["cold_start_seconds"], fast["median_seconds"], fast["frames_per_second"]) == (0.75, 0.02, 50.0)
    assert fast["output_pixels_per_second"] == 100 * 200 * 4 / 0.02 and fast["wall_seconds"] == [0.01, 0.02, 0.03]
    assert slow["psnr_y_to_float32_db"] is None and slow["flat_colour_shift_levels"] == 0.0
    assert counted["instructions"] == 208_040_000 and counted["basis"] == "modelled: instructions"
    for row in (counted, lost):
        assert row["median_seconds"] is None and row["wall_seconds"] == [] and row["frames_per_second"] is None
    assert lost["basis"] == "failed" and lost["reason"] == "device pi5 died"


def test_files_are_written_and_a_chart_of_nothing_is_not(tmp_path):
    outputs = Outputs(f"{tmp_path}/a.json", f"{tmp_path}/a.md", f"{tmp_path}/a.png")
    found = Comparison(SETTINGS, (NOT_RUN, LOST))
    write_outputs(found, outputs)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "a.md"]
    assert json.loads((tmp_path / "a.json").read_text()) == as_json(found)
    assert (tmp_path / "a.md").read_text() == markdown_table(found)
