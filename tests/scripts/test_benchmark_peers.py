"""Arguments of scripts/benchmark_peers.py, and the processes peers run in."""

from pathlib import Path

import numpy as np
import pytest

import benchmark_peers
from peers import PEERS
from peers.pictures import benchmark_picture, mirrored
from peers.recipes import parse_recipe
from peers.task import Peer, Task
from peers.worker import Ready, Worker, busy_threads
from tvm_srq.errors import UserError


def test_sizes():
    assert benchmark_peers.picture_size("120x160") == (120, 160)
    for wrong in ("120", "0x5", "5x", "axb", "-1x5"):
        with pytest.raises(SystemExit):
            benchmark_peers.parser().parse_args(["--size", wrong])


@pytest.mark.parametrize("option", ["--threads", "--rounds"])
def test_counts_are_at_least_one(option: str):
    with pytest.raises(SystemExit):
        benchmark_peers.parser().parse_args([option, "0"])


def test_peers_by_name():
    assert benchmark_peers.chosen_peers("all") == list(PEERS)
    assert benchmark_peers.chosen_peers("none") == []
    assert [peer.name for peer in benchmark_peers.chosen_peers("openvino-int8,torch")] == ["openvino-int8", "torch"]
    with pytest.raises(UserError, match="no peer nothing; peers: torch, "):
        benchmark_peers.chosen_peers("torch,nothing")


def test_recipes():
    assert dict(parse_recipe("W4A4").settings) == {"weight_bits": 4, "activation_bits": 4}
    own = parse_recipe("mine:weight_bits=5,quantizer=mse")
    assert own.name == "mine" and dict(own.settings) == {"weight_bits": 5, "quantizer": "mse"}
    assert parse_recipe("given=folder/net.tar").artifact == Path("folder/net.tar")


@pytest.mark.parametrize("text", ["", "W9", "name=net.srq", "=net.tar", "name:", "name:bits", ":a=1"])
def test_wrong_recipes(text: str):
    with pytest.raises(UserError, match="--ours"):
        parse_recipe(text)


def test_errors_are_one_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert benchmark_peers.main(["--peers", "nothing"]) == 2
    assert benchmark_peers.main(["--json", str(tmp_path / "missing" / "report.json"), "--peers", "none"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all(line.startswith("benchmark_peers: ") for line in lines)


def test_the_picture_has_the_size_asked_for_and_is_mirrored_where_too_small():
    picture = benchmark_picture(200, 300)
    assert picture.shape == (200, 300, 3) and picture.dtype == np.uint8
    np.testing.assert_array_equal(picture[:128], benchmark_picture(128, 300))
    assert mirrored(7, 3).tolist() == [0, 1, 2, 2, 1, 0, 0]


def test_threads_that_hardly_work_do_not_count():
    assert busy_threads({"1": 10}, {"1": 110, "2": 90, "3": 6}) == 2
    assert busy_threads({}, {"1": 8, "2": 4}) == 1


@pytest.mark.parametrize(
    ("function", "answer"),
    [
        ("missing_module", "not installed (no_such_module)"),
        ("unavailable", "needs a machine of its own"),
        ("broken", "failed: ValueError: no good"),
        ("wrong_size", "gave (4, 6, 3) uint8 instead of (8, 12, 3) uint8"),
        ("dies", "its process died (exit code 3)"),
    ],
)
def test_a_peer_that_fails_says_why(function: str, answer: str, tmp_path: Path):
    worker = start(function, tmp_path)
    assert worker.ready(60) == answer
    worker.stop()


def test_a_peer_that_works_is_measured(tmp_path: Path):
    worker = start("twice", tmp_path)
    ready = worker.ready(60)
    assert isinstance(ready, Ready) and ready.version == "1" and ready.note == "argument"
    np.testing.assert_array_equal(ready.output, np.full((8, 12, 3), 7, np.uint8))
    sample = worker.sample()
    assert sample.cpu >= 0 and sample.wall > 0
    assert worker.finish() <= 1


def start(function: str, cache: Path) -> Worker:
    peer = Peer("stand-in", "fp32", "stand_in_peer", function, ("argument",))
    task = Task(cache / "none", (), cache, 4, 6, 2, 1)
    return Worker(peer, task, np.full((4, 6, 3), 7, np.uint8))
