"""Networks on devices behind an RPC tracker: one after the other on each, all devices at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tvm_srq.benchmark.device import time_device_frames
from tvm_srq.comparison.emulated import WHY_NOT_TIMED
from tvm_srq.comparison.entry import Entry
from tvm_srq.comparison.row import Basis, Row, Scores, Timing
from tvm_srq.comparison.settings import Settings
from tvm_srq.errors import UserError
from tvm_srq.remote.address import DeviceAddress
from tvm_srq.remote.device import Device, borrowed
from tvm_srq.remote.features import description, lacking_flags
from tvm_srq.remote.tracker import Tracker, no_such_key
from tvm_srq.targets import PRESETS

if TYPE_CHECKING:
    from tvm_srq.comparison.quality import Quality

Measure = Callable[[Entry, DeviceAddress], Row]
compiling = threading.Lock()
"""Asking an ARM device for its features compiles a kernel, which TVM does in one thread at a time."""


def check_devices(addresses: Sequence[DeviceAddress]) -> None:
    """Raise a UserError if a tracker does not answer, or knows no device of a key."""
    for address in addresses:
        with Tracker(address.tracker, address.timeout) as tracker:
            known = tracker.devices()
        if address.key not in known:
            raise UserError(no_such_key(address, list(known)))


def measure_there(
    entries: Sequence[Entry], settings: Settings, quality: Quality | None, tick: Callable[[], object],
    measure: Measure | None = None,
) -> dict[tuple[Entry, str], Row]:  # fmt: skip
    """A row for every entry on every device, by entry and key.

    Args:
        tick: called after each; from several threads.
        measure: one entry's row; by default what a device gives.
    """

    stopped = threading.Event()

    def work(address: DeviceAddress) -> list[Row]:
        rows: list[Row] = []
        for entry in entries:
            if stopped.is_set():
                break
            try:
                rows.append(measure(entry, address) if measure else measure_one(entry, address, settings, quality))
            except UserError as error:
                rows.append(Row(entry, address.key, Basis.FAILED, str(error)))
            tick()
        return rows

    with ThreadPoolExecutor(len(settings.devices)) as pool:
        try:
            found = list(pool.map(work, settings.devices))
        finally:
            stopped.set()  # Ctrl-C then waits for one network on each device, not for all of them
    return {(row.entry, address.key): row for address, rows in zip(settings.devices, found, strict=True) for row in rows}


def measure_one(entry: Entry, address: DeviceAddress, settings: Settings, quality: Quality | None) -> Row:
    """One network on one device, which is given back at the end.

    Raises:
        UserError: the device is not to be had, or is lost, or fails.
    """
    if reason := why_on_no_device(entry):
        return Row(entry, address.key, Basis.NOT_RUN, reason)
    with borrowed(address) as device:
        with device.guard("tell of its machine"):
            told = description(device)
        if reason := why_not_there(entry, device, told.get("machine")):
            return Row(entry, address.key, Basis.NOT_RUN, reason)
        emulated = bool(told.get("emulated"))
        rounds = 0 if emulated else settings.rounds
        timed = time_device_frames(entry.path, settings.height, settings.width, rounds, settings.threads, device)
        scores = Scores() if quality is None else quality.scores(entry, timed.session)
        if emulated:
            return Row(entry, address.key, Basis.NOT_TIMED, WHY_NOT_TIMED, scores=scores)
        return Row(entry, address.key, Basis.MEASURED, timing=Timing(timed.load, timed.first, timed.wall), scores=scores)


def why_on_no_device(entry: Entry) -> str:
    """Why no device runs a network; empty if some do."""
    if not entry.compiled:
        return "networks in float32 run on this machine alone"
    return f"target {entry.target} is no CPU; over RPC networks for CPUs run" if entry.device != "cpu" else ""


def why_not_there(entry: Entry, device: Device, machine: str | None) -> str:
    """Why a device's processor does not run a network's code, as far as it can be known; empty if it does.

    Raises:
        UserError: the device is lost.
    """
    if machine not in (None, entry.machine):
        return f"target {entry.target} is for {entry.machine}, the device is {machine}"
    if entry.target not in PRESETS:
        return ""
    with compiling:
        lacking = lacking_flags(device, PRESETS[entry.target])
    return f"target {entry.target} needs {', '.join(lacking)}, which the device lacks" if lacking else ""
