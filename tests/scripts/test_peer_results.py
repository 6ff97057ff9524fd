"""Statistics and tables of the peer benchmark."""

import json
import math

import pytest

from peers.results import Row, as_json, best_int8, conclusions, markdown, median_ratio

OURS = Row("W4A4", "ours", "0.27", "target v4", math.inf, [0.1, 0.2, 0.1], [0.1, 0.3, 0.1], 1, 2.0)
FAST = Row("fast-int8", "int8", "1", "", 50.0, [0.2, 0.3, 0.4], [0.2, 0.3, 0.4], 1, 3.0)
SLOW = Row("slow-int8", "int8", "1", "", 51.0, [0.9, 0.9, 0.9], [0.9, 0.9, 0.9], 2, 3.0)
TORCH = Row("torch", "fp32", "2.13", "", math.inf, [1.0, 2.0, 1.0], [1.0, 2.0, 1.0], 1, 1.0)
ABSENT = Row("gone", "int8", reason="not installed (gone)")
ROWS = [OURS, FAST, SLOW, TORCH, ABSENT]


def test_the_ratio_is_the_median_of_rounds_and_not_the_ratio_of_medians():
    assert median_ratio([1.0, 4.0, 9.0], [1.0, 2.0, 1.0]) == 2.0  # of 1, 2, 9; the medians would give 4


def test_rounds_must_pair_up():
    with pytest.raises(ValueError):
        median_ratio([1.0], [1.0, 2.0])


def test_the_best_int8_peer_is_the_fastest_that_ran():
    assert best_int8(ROWS) is FAST
    assert best_int8([OURS, ABSENT]) is None


def test_the_table_has_a_line_for_every_row_and_a_column_for_each_of_ours():
    lines = markdown(ROWS, threads=1).splitlines()
    assert len(lines) == 2 + len(ROWS)
    assert len({line.count("|") for line in lines}) == 1
    assert "| CPU / W4A4 |" in lines[0]
    assert lines[2] == "| W4A4 | ours | 100.0 | 100.0 | 1.00 | same picture | 0.27, target v4 |"
    assert lines[3] == "| fast-int8 | int8 | 300.0 | 300.0 | 2.00 | 50.00 dB | 1 |"
    assert lines[6] == "| gone | int8 | - | - | - | - | not installed (gone) |"


def test_more_threads_than_allowed_are_shown():
    lines = markdown(ROWS, threads=1).splitlines()
    assert "used 2 threads" in lines[4]
    assert "threads" not in markdown(ROWS, threads=2)


def test_conclusions_name_the_best_peer_and_torch():
    assert conclusions(ROWS) == [
        "CPU-time ratio, median of rounds: best int8 peer (fast-int8) / W4A4: 2.00; torch eager / W4A4: 10.00"
    ]


def test_json_is_valid_and_complete():
    report = json.loads(json.dumps(as_json(ROWS, {"size": "120x160"}), allow_nan=False))
    assert report["size"] == "120x160" and report["best_int8_peer"] == "fast-int8"
    ours, fast, *_, absent = report["rows"]
    assert ours["psnr_y"] is None and ours["same_picture"]
    assert fast["cpu_ratio"] == {"W4A4": 2.0} and fast["samples"]["cpu"] == [0.2, 0.3, 0.4]
    assert absent == {"name": "gone", "kind": "int8", "reason": "not installed (gone)"}
