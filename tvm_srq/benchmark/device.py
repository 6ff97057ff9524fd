"""How fast a compiled network runs on a device behind an RPC tracker, by the device's own clock: the network is not in it."""

import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tvm_srq.benchmark.frames import sample_picture
from tvm_srq.benchmark.layers import COPIES, LayerTime, layer_time, roofline
from tvm_srq.execution.ffi import without_torch
from tvm_srq.remote import bytecode
from tvm_srq.remote.address import DeviceAddress
from tvm_srq.remote.device import Device, borrowed
from tvm_srq.remote.plan import KernelCall
from tvm_srq.remote.session import RemoteExecution, RemoteSession

with without_torch():
    import tvm

    from tvm_srq.benchmark.peak import ROUNDS, SECONDS, peak_kernel_of
    from tvm_srq.remote.library import build_library
    from tvm_srq.targets import Preset, preset


@dataclass(frozen=True)
class DeviceFrames:
    """Pictures of one size on a device.

    Attributes:
        load, first: seconds by this machine's clock, the way to the device included: until the network is loaded there, and
            from there to the first result here.
        wall: seconds of each later picture by the device's clock.
    """

    session: RemoteSession
    execution: RemoteExecution
    load: float
    first: float
    wall: tuple[float, ...]


def time_device_frames(
    path: str | Path, height: int, width: int, rounds: int, threads: int, device: Device, by_step: bool = False
) -> DeviceFrames:
    """Load an artifact on a device and run ``rounds`` pictures through it; none for ``rounds`` 0.

    Raises:
        UserError: as RemoteSession, or the device is lost.
    """
    begin = time.perf_counter()
    session = RemoteSession(path, device, threads)
    loaded = time.perf_counter()
    execution = session.prepare(height, width, by_step)
    execution(sample_picture(height, width, session.program.channels))
    first = time.perf_counter() - loaded
    frames = repeated(execution, bytecode.FRAME, rounds) if rounds else []
    return DeviceFrames(session, execution, loaded - begin, first, tuple(frames))


def benchmark_device(
    path: str | Path, height: int, width: int, rounds: int, threads: int, per_layer: bool, address: DeviceAddress
) -> tuple[list[str], dict[str, Any]]:
    """Time a ``.tar`` on pictures of one size; the figures as lines for people, and as JSON values.

    Raises:
        UserError: no such artifact, tracker or device, or the device is lost.
    """
    with borrowed(address) as device:
        timed = time_device_frames(path, height, width, rounds, threads, device, by_step=per_layer)
        session, execution, frames = timed.session, timed.execution, list(timed.wall)
        lines = describe(session, execution, frames, threads)
        figures: dict[str, Any] = {
            "size": [height, width], "scale": session.scale, "target": session.manifest["target"], "device": device.name,
            "threads": threads, "frames": {"wall": frames, "memory": execution.size},
        }  # fmt: skip
        if per_layer:
            layers = time_steps(session, execution, rounds)
            peak = measure_device_peak(device, preset(session.manifest["target"]), threads)
            lines += ["", f"dot-product peak, measured: {peak / 1e9:.1f} GMAC/s; every layer's calls repeated by themselves"]
            lines += roofline(layers, peak)
            figures |= {"peak_macs_per_second": peak, "layers": [asdict(layer) for layer in layers]}
    return lines, figures


def describe(session: RemoteSession, execution: RemoteExecution, frames: list[float], threads: int) -> list[str]:
    """Lines for people."""
    height, width, scale = execution.height, execution.width, session.scale
    median = statistics.median(frames)
    return [
        f"{height}x{width} -> {height * scale}x{width * scale}, target {session.manifest['target']}, {session.device.name}, "
        f"{threads} thread{'s'[: threads > 1]}, median of {len(frames)} pictures",
        f"{1e3 * median:.1f} ms by the device's clock, {1e9 * median / (height * width * scale**2):.1f} ns per output pixel, "
        f"feature maps and pictures {execution.size / 1e6:.1f} MB",
    ]


REQUEST_SECONDS = 2.0
"""A device that is asked for so many pictures works on until they are done, also when nobody waits any more."""


def repeated(execution: RemoteExecution, function: str, rounds: int) -> list[float]:
    """Seconds of ``rounds`` calls; one request asks for REQUEST_SECONDS of them, or half the time it has for an answer."""
    limit = min(REQUEST_SECONDS, execution.device.address.timeout / 2)
    seconds = execution.seconds(function, number=1, repeat=1)
    while len(seconds) < rounds:
        count = int(limit / max(max(seconds), 1e-6)) - 1
        seconds += execution.seconds(function, number=1, repeat=max(1, min(count, rounds - len(seconds))))
    return seconds


def time_steps(session: RemoteSession, execution: RemoteExecution, rounds: int) -> list[LayerTime]:
    """Every step's calls by themselves, and all copying of rows between strips as a last line."""
    calls = [action.step for action in execution.plan.actions if isinstance(action, KernelCall)]
    size = execution.height, execution.width
    layers = []
    for step in range(len(session.program.steps)):
        seconds = statistics.median(repeated(execution, bytecode.step_function(step), rounds))
        layers.append(layer_time(session.program, session.manifest, step, *size, calls.count(step), seconds))
    return [*layers, LayerTime(COPIES, "", 0, statistics.median(repeated(execution, bytecode.COPIES, rounds)), 0)]


def measure_device_peak(device: Device, target: Preset, threads: int) -> float:
    """Multiply-adds a second of a target's dot product on a device (tvm_srq.benchmark.peak): the median of some calls."""
    kernel = peak_kernel_of(target)
    library = build_library(tvm.IRModule({"main": kernel.function}), target)
    with device.guard("measure its dot-product peak"):
        module = device.load_library(library)

        def seconds(repeats: int, rounds: int) -> list[float]:
            arguments = [device.upload(array) for array in kernel.arguments(threads, repeats)]
            return list(module.time_evaluator("main", device.cpu, number=1, repeat=rounds)(*arguments).results)

        repeats = 1
        while (spent := seconds(repeats, 1)[0]) < SECONDS:
            repeats *= max(2, min(int(SECONDS / max(spent, 1e-6)), 1000))
        return threads * repeats * kernel.macs / statistics.median(seconds(repeats, ROUNDS))
