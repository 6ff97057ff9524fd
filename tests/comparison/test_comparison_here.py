"""Networks on this machine: pictures in turn, processes of their own, and what happens where one fails."""

import platform
from types import SimpleNamespace

import numpy as np
import pytest
from comparison.found_rows import ARM, entry

from tvm_srq.benchmark.frames import FrameSample, sample_picture
from tvm_srq.comparison.child import Child, LostError, Opened, Opening, RefusedError, in_words
from tvm_srq.comparison.host import measure_here, why_not_here
from tvm_srq.comparison.row import Basis, Scores
from tvm_srq.comparison.settings import Settings
from tvm_srq.runtime import Session

FIRST, SECOND, THIRD = (entry(f"{name}.tar", "x86-64-v2", f"{platform.machine()}-linux-gnu") for name in ("a", "b", "c"))


class StandIn:
    """A network that tells what it is asked for; its pictures take 1, 2, 3 .. seconds.

    Args:
        lost: the request that fails, by its number.
    """

    def __init__(self, opening: Opening, log: list, lost: int | None = None):
        self.name, self.log, self.lost, self.asked = opening.path.stem, log, lost, 0
        self.opened = Opened(0.5, 0.25, f"processor of {self.name}")
        log.append(f"open {self.name}")

    def step(self, what: str) -> None:
        self.log.append(f"{what} {self.name}")
        self.asked += 1
        if self.asked == self.lost:
            raise LostError(f"{self.name} died")

    def sample(self) -> FrameSample:
        self.step("sample")
        return FrameSample(self.asked / 2, self.asked)

    def upscale(self, picture):
        self.step("upscale")
        return picture

    def peak_memory(self) -> int:
        self.step("memory")
        return 54

    def close(self) -> None:
        self.log.append(f"close {self.name}")


def stand_ins(log: list, lost: dict[str, int] | None = None):
    return lambda opening: StandIn(opening, log, (lost or {}).get(opening.path.stem))


def test_networks_are_opened_then_run_in_turn_then_scored():
    log, ticks = [], []
    quality = SimpleNamespace(scores=lambda entry, upscale: upscale(None) or Scores(40.0))
    rows = measure_here([FIRST, SECOND], Settings(rounds=3), quality, lambda: ticks.append(len(log)), stand_ins(log))
    assert log == [
        "open a", "open b", "sample a", "sample b", "sample a", "sample b", "sample a", "sample b", "memory a", "memory b",
        "upscale a", "upscale b", "close a", "close b",
    ]  # fmt: skip
    assert ticks == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [row.entry for row in rows] == [FIRST, SECOND] and [row.device for row in rows] == ["processor of a", "processor of b"]
    for row in rows:
        assert row.basis is Basis.MEASURED and row.scores == Scores(40.0) and row.peak_memory == 54
        assert row.timing.wall == (1, 2, 3) and row.timing.cpu == (0.5, 1, 1.5) and row.timing.cold_start == 0.75


@pytest.mark.parametrize("at", [1, 2, 3])  # the first picture, the last one, the memory
def test_one_that_is_lost_does_not_hold_up_the_others(at):
    log = []
    rows = measure_here([FIRST, SECOND, THIRD], Settings(rounds=2), None, lambda: None, stand_ins(log, {"b": at}))
    assert [row.basis for row in rows] == [Basis.MEASURED, Basis.FAILED, Basis.MEASURED]
    assert rows[1].reason == "b died" and rows[1].timing is None and rows[1].peak_memory is None
    assert [line for line in log if line.endswith(" b")] == ["open b", "sample b", "sample b", "memory b"][: at + 1] + ["close b"]
    assert log.count("sample a") == log.count("sample c") == 2


def test_what_cannot_be_opened_is_a_row_with_the_reason():
    refusals = {"a": RefusedError("no GPU is here"), "b": LostError("its process died (SIGILL)")}

    def open_runner(opening):
        raise refusals[opening.path.stem]

    rows = measure_here([FIRST, SECOND, ARM], Settings(), None, lambda: None, open_runner)
    assert [(row.basis, row.reason) for row in rows[:2]] == [
        (Basis.NOT_RUN, "no GPU is here"), (Basis.FAILED, "its process died (SIGILL)"),
    ]  # fmt: skip
    assert rows[2].basis is (Basis.NOT_RUN if platform.machine() != "aarch64" else Basis.FAILED)


def test_processes_end_when_something_goes_wrong_in_between():
    log = []

    def tick():
        if "sample a" in log:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_here([FIRST, SECOND], Settings(rounds=9), None, tick, stand_ins(log))
    assert log[-2:] == ["close a", "close b"] and "sample b" not in log


def test_another_architecture_is_told_with_what_to_do(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert why_not_here(ARM) == (
        "target aarch64-linux-a76 is for aarch64, this machine is x86_64; name a device with --rpc-key, or count what it "
        "executes with --instructions"
    )
    android = entry("phone.tar", "android-arm64", "aarch64-linux-android")
    assert why_not_here(android).endswith("this machine is x86_64; name a device with --rpc-key")
    assert why_not_here(entry("net.pt", "PyTorch", "")) == ""
    assert why_not_here(entry("old.tar", "a-target-of-old")) == ""


def test_a_child_gives_the_network_s_bytes_and_figures(small_edsr):
    path, picture = small_edsr.artifact("x86-64-v2"), sample_picture(9, 8)
    child = Child(Opening(path, 10, 12, 1))
    try:
        assert child.opened.load > 0 and child.opened.first > 0 and child.opened.device
        assert all(value >= 0 for value in child.sample())
        assert np.array_equal(child.upscale(picture), Session(path)(picture))
        assert child.peak_memory() > 1 << 20
        with pytest.raises(LostError, match="a picture must be"):
            child.upscale(picture[..., :2])
        assert np.array_equal(child.upscale(picture), Session(path)(picture))  # and it goes on
        child.process.kill()
        with pytest.raises(LostError, match=r"its process died \(SIGKILL\)"):
            child.sample()
    finally:
        child.close()
    assert not child.process.is_alive()


def test_a_child_that_this_machine_does_not_run_says_why(tmp_path):
    with pytest.raises(RefusedError, match="does not exist"):
        Child(Opening(tmp_path / "net.tar", 10, 12, 1))


def test_errors_are_told_in_a_line():
    assert in_words(ValueError("a\nb")) == "ValueError: a" and in_words(MemoryError()) == "MemoryError"
