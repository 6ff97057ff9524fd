"""Rows as measuring would give them, with figures that are easy to follow."""

from pathlib import Path

from tvm_srq.comparison.entry import Entry
from tvm_srq.comparison.row import Basis, Row, Scores, Timing

CPU = "A Processor"


def entry(name: str = "net.tar", target: str = "x86-64-v3", triple: str = "x86_64-linux-gnu", **changes) -> Entry:
    values = {"device": "cpu", "precision": "W4A4", "description": "edsr", "scale": 2, "channels": 3, "smallest": 1}
    values |= {"size": 1_500_000}
    return Entry(Path("folder") / name, name, target, triple, **(values | changes))


def measured(of: Entry, milliseconds: tuple[float, ...] = (10.0, 20.0, 30.0), **changes) -> Row:
    wall = tuple(value / 1e3 for value in milliseconds)
    values = {"peak_memory": 54_000_000} | changes
    return Row(of, CPU, Basis.MEASURED, timing=Timing(0.5, 0.25, wall, tuple(value / 2 for value in wall)), **values)


FAST = measured(entry("fast.tar"), scores=Scores(37.5, 45.25, 1.25))
SLOW = measured(entry("slow.tar", precision="W8A8"), (100.0, 100.0, 200.0), scores=Scores(37.75, float("inf"), 0.0))
FLOAT = measured(entry("net.pt", "PyTorch", "", precision="float32"), (40.0,), scores=Scores(38.0))
ARM = entry("arm.tar", "aarch64-linux-a76", "aarch64-linux-gnu")
NOT_RUN = Row(ARM, CPU, Basis.NOT_RUN, "it is for aarch64")
COUNTED = Row(ARM, "emulated cortex-a76 (qemu)", Basis.MODELLED, "times of emulators say nothing", instructions=208_040_000)
LOST = Row(ARM, "pi5", Basis.FAILED, "device pi5 died")
