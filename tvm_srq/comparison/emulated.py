"""Networks for ARM on an emulated processor: instructions are counted, and nothing is said of time."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from tvm_srq.benchmark.arm_program import COMPILER, our_program
from tvm_srq.benchmark.frames import sample_picture
from tvm_srq.benchmark.instructions import EMULATOR, count_frame, require_tools
from tvm_srq.comparison.entry import Entry
from tvm_srq.comparison.row import Basis, Row
from tvm_srq.comparison.settings import Settings
from tvm_srq.errors import UserError
from tvm_srq.scratch import scratch_folder

PROCESSORS = {"aarch64-linux": "cortex-a53", "aarch64-linux-a55": "cortex-a76", "aarch64-linux-a76": "cortex-a76",
              "aarch64-linux-x2": "max"}  # fmt: skip
"""Target -> the emulator's name of a processor that runs it; the emulator has no Cortex-A55 and no Cortex-X2."""
WHY_NOT_TIMED = "an emulated machine's times say nothing of any processor's"


def counted(entry: Entry) -> bool:
    """Whether a network's instructions can be counted: it is for Linux on ARM, and of RGB pictures, as the example takes them."""
    return entry.target in PROCESSORS and entry.channels == 3


def check_instructions(entries: Sequence[Entry]) -> None:
    """Raise a UserError if there are none to count, or the tools are missing."""
    if not any(map(counted, entries)):
        raise UserError(
            f"--instructions is for RGB networks compiled for {', '.join(PROCESSORS)}, and none is given; leave it out"
        )
    require_tools(EMULATOR, "gcc", COMPILER)


def count_instructions(
    entries: Sequence[Entry], settings: Settings, tick: Callable[[], object],
    count: Callable[[Entry, Settings], int] | None = None,
) -> dict[Entry, Row]:  # fmt: skip
    """A row for each of the entries that can be counted.

    Args:
        tick: called after each.
        count: an entry's instructions; the emulator's by default.
    """
    rows = {}
    for entry in filter(counted, entries):
        device = f"emulated {PROCESSORS[entry.target]} (qemu)"
        try:
            instructions = (count or frame_instructions)(entry, settings)
            rows[entry] = Row(entry, device, Basis.MODELLED, WHY_NOT_TIMED, instructions=instructions)
        except (UserError, subprocess.CalledProcessError) as error:
            rows[entry] = Row(entry, device, Basis.FAILED, str(error))
        tick()
    return rows


def frame_instructions(entry: Entry, settings: Settings) -> int:
    """What one picture of the settings' size takes, on one thread.

    Raises:
        UserError: a tool is missing.
        CalledProcessError: the program does not compile, or fails.
    """
    with scratch_folder() as folder:
        picture = sample_picture(settings.height, settings.width)
        run, _ = our_program(entry.path, picture, Path(folder))
        return count_frame(lambda emulator, frames: run(emulator, PROCESSORS[entry.target], frames)).instructions
