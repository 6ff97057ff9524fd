"""Readers of files that were damaged: a result or a refusal, whatever stands in them. The long run is docs/hardening.md."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

import mutate_readers
from mutation.readers import READERS, Reader
from mutation.values import mutated_text
from mutation.worker import Worker
from tvm_srq.errors import UserError

COUNTS = {"srq": 300, "srq-compile": 100, "tar": 300, "checkpoint": 200, "records": 500, "picture": 300, "onnx": 200, "pt2": 100,
          "table": 500}  # fmt: skip


def assert_none_fails(name: str, seed: int, count: int) -> None:
    if name == "onnx":
        pytest.importorskip("onnx", reason="the onnx package is not installed")
    counted, failures = mutate_readers.run(READERS[name], seed, count)
    # how long a case takes depends on what else the machine does
    assert {outcome: numbers for outcome, numbers in failures.items() if outcome.kind != "hang"} == {}
    assert counted["ok"] and counted["refused"]


@pytest.mark.parametrize("name", COUNTS)
def test_damaged_files_are_read_or_refused(name):
    assert_none_fails(name, 100, COUNTS[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", COUNTS)
def test_many_damaged_files_are_read_or_refused(name):
    assert_none_fails(name, 101, 10 * COUNTS[name])


def test_a_case_is_the_same_file_every_time(tmp_path):
    first, again = ([content for *_, content in mutate_readers.cases(READERS["records"], tmp_path, 5, 20)] for _ in range(2))
    assert first == again and len(set(first)) > 15


def test_a_description_is_changed_whatever_it_holds():
    value = {"a": [1, 2.5, None, {"b": "text", "c": []}], "d": True}
    assert all(isinstance(mutated_text(value | {"n": n}, random.Random(n)), str) for n in range(300))


def read(path: Path) -> None:
    """What a file asks for."""
    ways = {
        "refuse": lambda: refuse("it is wrong"), "fail": lambda: 1 // 0, "memory": lambda: bytearray(1 << 34),
        "hidden": hidden, "hang": lambda: time.sleep(60), "crash": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "left": lambda: (path.with_name("more").write_text(""), refuse("but it wrote")),
    }  # fmt: skip
    ways.get(path.read_text(), lambda: None)()


def refuse(sentence: str) -> None:
    raise UserError(sentence)


def hidden() -> None:
    try:
        bytearray(1 << 34)
    except MemoryError:
        raise UserError("it is wrong") from None


@pytest.mark.parametrize(("way", "kind"), [
    ("fine", "ok"), ("refuse", "refused"), ("fail", "traceback"), ("memory", "memory"), ("hidden", "memory"), ("hang", "hang"),
    ("crash", "crash"), ("left", "left"),
])  # fmt: skip
def test_what_a_reader_does_is_told(way, kind, tmp_path, monkeypatch):
    monkeypatch.setattr("mutation.worker.SECONDS", 2)
    worker = Worker(read)
    (tmp_path / "file").write_text(way)
    assert worker(tmp_path / "file").kind == kind
    (tmp_path / "file").write_text("fine")
    assert worker(tmp_path / "file").kind == "ok"
    worker.close()


def test_a_failing_file_is_kept(tmp_path):
    def change(content: bytes, random_: random.Random) -> bytes:
        return random_.choice((b"fail", b"fine"))

    def make(folder: Path) -> list[Path]:
        (folder / "a.txt").write_text("fine")
        return [folder / "a.txt"]

    counted, failures = mutate_readers.run(Reader("texts", make, change, read, "texts"), 0, 20, tmp_path / "kept")
    assert counted["traceback"] + counted["ok"] == 20 and len(failures) == 1
    kept = sorted((tmp_path / "kept").iterdir())
    assert len(kept) == mutate_readers.KEPT and all(path.read_bytes() == b"fail" for path in kept)
