"""Networks on this machine: a process each, pictures in turn, so that whatever else the machine does meets all of them."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from tvm_srq.benchmark.frames import FrameSample
from tvm_srq.benchmark.processor import processor_name
from tvm_srq.comparison.child import Child, LostError, Opened, Opening, RefusedError
from tvm_srq.comparison.emulated import counted
from tvm_srq.comparison.entry import Entry
from tvm_srq.comparison.row import Basis, Row, Timing
from tvm_srq.comparison.settings import Settings
from tvm_srq.errors import UserError

if TYPE_CHECKING:
    from tvm_srq.comparison.quality import Quality

NO_GPU = "CUDA GPU"
"""The device of rows of networks for a GPU that is not there."""


class Runner(Protocol):
    """A network that is open (tvm_srq.comparison.child.Child); each method raises LostError where that ends."""

    opened: Opened

    def sample(self) -> FrameSample: ...
    def upscale(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]: ...
    def peak_memory(self) -> int | None: ...
    def close(self) -> None: ...


class Measurement:
    """A row in the making."""

    def __init__(self, entry: Entry, runner: Runner):
        self.entry, self.runner = entry, runner
        self.samples: list[FrameSample] = []
        self.row = Row(entry, runner.opened.device, Basis.MEASURED)

    @property
    def failed(self) -> bool:
        return self.row.basis is Basis.FAILED

    def attempt(self, work: Callable[[], None]) -> None:
        """Do something unless something failed before; if this does, the row says so and has no figures."""
        if self.failed:
            return
        try:
            work()
        except LostError as error:
            self.row = Row(self.entry, self.row.device, Basis.FAILED, str(error))

    def sample(self) -> None:
        self.samples.append(self.runner.sample())

    def finish(self) -> None:
        """Times and memory, before anything else is run."""
        opened, samples = self.runner.opened, self.samples
        timing = Timing(opened.load, opened.first, tuple(s.wall for s in samples), tuple(s.cpu for s in samples))
        self.row = replace(self.row, timing=timing, peak_memory=self.runner.peak_memory())

    def score(self, quality: Quality) -> None:
        self.row = replace(self.row, scores=quality.scores(self.entry, self.runner.upscale))


def measure_here(
    entries: Sequence[Entry], settings: Settings, quality: Quality | None, tick: Callable[[], object],
    open_runner: Callable[[Opening], Runner] = Child,
) -> list[Row]:  # fmt: skip
    """A row for every entry, in their order.

    Args:
        tick: called after each network is opened, and after every picture of a round.
        open_runner: starts what runs a network.
    """
    rows: dict[Entry, Row] = {}
    running: list[Measurement] = []
    try:
        for entry in entries:
            found = started(entry, settings, open_runner)
            if isinstance(found, Row):
                rows[entry] = found
            else:
                running.append(found)
            tick()
        interleave(running, settings.rounds, tick)
        for measurement in running:
            measurement.attempt(measurement.finish)
        if quality is not None:
            for measurement in running:
                measurement.attempt(partial(measurement.score, quality))
    finally:
        for measurement in running:
            measurement.runner.close()
    rows |= {measurement.entry: measurement.row for measurement in running}
    return [rows[entry] for entry in entries]


def interleave(running: Sequence[Measurement], rounds: int, tick: Callable[[], object]) -> None:
    """One picture of each network in turn, as often as there are rounds."""
    for _ in range(rounds):
        for measurement in running:
            measurement.attempt(measurement.sample)
            tick()


def started(entry: Entry, settings: Settings, open_runner: Callable[[Opening], Runner]) -> Measurement | Row:
    """A network that is open, or the row that says why it is not."""
    device = NO_GPU if entry.device == "cuda" else processor_name()
    if reason := why_not_here(entry):
        return Row(entry, device, Basis.NOT_RUN, reason)
    own = (None, None) if entry.compiled else (settings.scale, settings.picture)
    try:
        return Measurement(entry, open_runner(Opening(entry.path, settings.height, settings.width, settings.threads, *own)))
    except RefusedError as error:
        return Row(entry, device, Basis.NOT_RUN, str(error))
    except LostError as error:
        return Row(entry, device, Basis.FAILED, str(error))


def why_not_here(entry: Entry) -> str:
    """Why this machine's processor does not run a network's code, as far as it can be known beforehand; empty if it does."""
    if entry.machine and entry.machine != platform.machine():
        hint = "; name a device with --rpc-key" + (", or count what it executes with --instructions" if counted(entry) else "")
        return f"target {entry.target} is for {entry.machine}, this machine is {platform.machine()}{hint}"
    if entry.machine:
        from tvm_srq.execution.ffi import without_torch

        with without_torch():
            from tvm_srq.targets import PRESETS
            from tvm_srq.tuning.host import require_runs_here
        try:
            if entry.target in PRESETS:
                require_runs_here(PRESETS[entry.target])
        except UserError as error:
            return str(error)
    return ""
