"""The benchmark command, and times by layer."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

import measure_memory
from tvm_srq.benchmark.layers import COPIES, LayerTime, pixel_macs, roofline, time_layers
from tvm_srq.cli import main
from tvm_srq.errors import UserError
from tvm_srq.runtime import Session

SIZE = (10, 12)


@pytest.fixture(scope="module")
def artifact(small_edsr):
    return small_edsr.artifact("x86-64-v2")


def test_every_convolution_has_a_line_and_its_multiply_adds(artifact):
    layers = time_layers(Session(artifact), *SIZE, rounds=2, clock=ticking())
    convolutions = {layer.layer: layer for layer in layers if layer.macs}
    pixels = SIZE[0] * SIZE[1]
    assert convolutions["head.0"].macs == pixels * 9 * 3 * 8
    assert convolutions["body.0.body.0"].macs == pixels * 9 * 8 * 8
    assert convolutions["tail.0.0"].macs == pixels * 9 * 8 * 32
    assert convolutions["tail.1"].macs == 4 * pixels * 9 * 8 * 3
    assert len(convolutions) == 8 and layers[-1].layer == COPIES
    assert all(layer.kernel and layer.calls >= 1 for layer in convolutions.values())


def test_times_are_the_clock_s(artifact):
    layers = time_layers(Session(artifact), *SIZE, rounds=3, clock=ticking())
    # the clock ticks when it is read: once within each call, and the calls' readings are all within the frame's
    assert all(layer.seconds == layer.calls for layer in layers[:-1])
    calls = sum(layer.calls for layer in layers)
    assert layers[-1].seconds == (2 * calls + 1) - calls


def ticking():
    """A clock that advances a second at every reading."""
    count = iter(range(10**9))
    return lambda: next(count)


def test_timing_changes_no_pixel(artifact):
    picture = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), np.uint8)
    session = Session(artifact)
    before = session(picture)
    time_layers(session, *SIZE, rounds=1, clock=ticking())
    np.testing.assert_array_equal(session(picture), before)


def test_grouped_convolutions_count_their_groups():
    assert pixel_macs({"kernel": 3, "in_channels": 64, "out_channels": 32, "groups": 4}) == 9 * 16 * 32


def test_the_roofline_s_columns():
    direct, winograd = LayerTime("a", "direct", 1, 0.5, 10**9), LayerTime("b", "winograd", 2, 0.25, 10**9, 2.25)
    layers = [direct, winograd, LayerTime(COPIES, "", 0, 0.25, 0)]
    head, first, second, copies, total = roofline(layers, peak=4e9)
    assert head.split() == ["layer", "kernel", "calls", "ms", "share", "GMAC", "GMAC/s", "of", "peak", "busy"]
    assert first.split() == ["a", "direct", "1", "500.000", "50.0%", "1.000", "2.0", "50.0%", "50.0%"]
    assert second.split() == ["b", "winograd", "2", "250.000", "25.0%", "1.000", "4.0", "100.0%", "44.4%"]
    assert copies.split() == ["rows", "carried", "over", "250.000", "25.0%"]
    assert total.split() == ["all", "1000.000", "100.0%", "2.000", "2.0", "50.0%", "36.1%"]


def test_a_gpu_s_layers_are_not_timed():
    with pytest.raises(UserError, match="cuda-sm86 is no CPU"):
        time_layers(SimpleNamespace(manifest={"device": "cuda", "target": "cuda-sm86"}), *SIZE, 1, ticking())


def test_the_command_prints_and_writes_its_figures(artifact, tmp_path, capsys):
    arguments = ["benchmark", str(artifact), "--size", "10x12", "--rounds", "2", "--per-layer"]
    assert main([*arguments, "--json", str(tmp_path / "figures.json")]) == 0
    text = capsys.readouterr().out
    assert "10x12 -> 20x24, target x86-64-v2, 1 thread" in text and "dot-product peak" in text and "tail.1" in text
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert len(figures["frames"]["cpu"]) == 2 and figures["peak_macs_per_second"] > 0
    assert [layer["layer"] for layer in figures["layers"]][-1] == COPIES


@pytest.mark.parametrize("wrong", [["--size", "10"], ["--rounds", "0"], ["--threads", "0"], ["--json", "missing/figures.json"]])
def test_wrong_arguments_get_one_sentence(artifact, capsys, wrong):
    assert main(["benchmark", str(artifact), *wrong]) == 2
    assert capsys.readouterr().err.startswith("tvm-srq: ")


def test_memory_is_measured_and_named(artifact, capsys):
    assert measure_memory.main([str(artifact), "--size", "10x12"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "10x12, 1 thread" and lines[-1].startswith("peak of the process")
    assert measure_memory.main([str(artifact), "--size", "10"]) == 2
