"""What ``tvm-srq doctor`` checks: this installation, a target's tools, a tracker and a device.

TVM is imported only after the packages were looked at, as it may be what is broken.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from tvm_srq.errors import UserError
from tvm_srq.remote.address import TRACKER_HOST, TRACKER_KEY, DeviceAddress, TrackerAddress, device_key, tracker_address

if TYPE_CHECKING:
    from tvm_srq.targets import Preset


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        what: is there, or was looked for.
        problem: what is wrong with it; empty if nothing is.
        mend: a command, or what else helps.
    """

    what: str
    problem: str = ""
    mend: str = ""

    def __str__(self) -> str:
        if not self.problem:
            return f"ok     {self.what}"
        return f"WRONG  {self.what}: {self.problem}" + (f"\n       mend it: {self.mend}" if self.mend else "")


def failed(what: str, sentence: str) -> Check:
    """A check from a UserError's sentence: the problem, then what mends it."""
    problem, _, mend = sentence.partition("; ")
    return Check(what, problem, mend)


def examine(target: str | None, tracker: str | None, key: str | None, timeout: float) -> Iterator[Check]:
    """Every check, as it is made. A tracker is looked at where it, a key or the environment names one.

    Raises:
        UserError: there is no such target, or what names the tracker is no address.
    """
    packages = list(check_packages())
    yield from packages
    if any(check.problem and check.what.startswith("apache-tvm") for check in packages):
        return
    chosen = None if target is None else find_target(target)
    if chosen is not None:
        yield check_tools(chosen)
    named = [tracker, key, os.environ.get(TRACKER_HOST), os.environ.get(TRACKER_KEY)]
    if any(named):
        word = device_key(key) if key or os.environ.get(TRACKER_KEY) else None
        yield from check_tracker(tracker_address(tracker), word, chosen, timeout)


def find_target(name: str) -> Preset:
    from tvm_srq.execution.ffi import without_torch

    with without_torch():
        from tvm_srq.targets import preset

    return preset(name)


def check_packages() -> Iterator[Check]:
    """What setup.cfg asks for, tvm_ffi's upper bound among it: later ones crash."""
    try:
        needed = [Requirement(text) for text in requires("tvm_srq") or []]
    except PackageNotFoundError:
        yield Check("tvm_srq", "it runs from a folder and is not installed, so what it needs is not known", "pip install -e .")
        return
    for requirement in needed:
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield check_package(requirement)


def check_package(requirement: Requirement) -> Check:
    command = f"pip install '{requirement.name}{requirement.specifier}'"
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return Check(requirement.name, "not installed", command)
    if requirement.specifier.contains(found, prereleases=True):
        return Check(f"{requirement.name} {found}")
    return Check(f"{requirement.name} {found}", f"tvm_srq needs {requirement.specifier}", command)


def check_tools(chosen: Preset) -> Check:
    """Compiling and linking a small function for the target."""
    from tvm_srq import nvcc

    what = f"compiling for {chosen.name}"
    try:
        if chosen.device == "cuda":
            return Check(f"{what}: nvcc {nvcc.nvcc_version()}")
        from tvm_srq.remote.features import auxiliary_kernel
        from tvm_srq.remote.library import build_library

        build_library(auxiliary_kernel(), chosen)
    except UserError as error:
        return failed(what, str(error))
    return Check(f"{what}, and linking")


def check_tracker(address: TrackerAddress, key: str | None, chosen: Preset | None, timeout: float) -> Iterator[Check]:
    """A tracker, the devices of a key, and one of them."""
    from tvm_srq.remote.tracker import Tracker, no_such_key

    try:
        with Tracker(address, timeout) as tracker:
            devices = tracker.devices()
    except UserError as error:
        yield failed(f"tracker {address}", str(error))
        return
    known = ", ".join(f"{name} ({d.free} of {d.total} free)" for name, d in devices.items())
    yield Check(f"tracker {address}: {known or 'no devices'}")
    if key is None:
        return
    place = DeviceAddress(address, key, timeout)
    if key not in devices:
        yield failed(f"key {key}", no_such_key(place, list(devices)))
        return
    if devices[key].free == 0:
        problem = f"its devices are all busy, and {devices[key].pending} requests wait for one"
        yield Check(f"key {key}", problem, "wait for the others, or start another device's server with this key")
        return
    yield Check(f"key {key}: {devices[key].free} of {devices[key].total} devices free")
    yield from check_device(place, chosen)


def check_device(address: DeviceAddress, chosen: Preset | None) -> Iterator[Check]:
    """A device's answer, its TVM, and its processor against the target."""
    from tvm_srq.remote.bytecode import FORMAT
    from tvm_srq.remote.device import borrowed
    from tvm_srq.remote.features import description, lacking_flags

    try:
        with borrowed(address) as device:
            yield Check(f"{device.name} answers")
            with device.guard("tell of its TVM"):
                told = description(device)
                runs = device.function(f"ffi.Module.load_from_bytes.{FORMAT}") is not None
            yield check_versions(told.get("versions", {}))
            if not runs:
                yield Check("TVM's virtual machine on the device", "it is missing", "pip install apache-tvm on the device")
            if chosen is not None and chosen.device == "cpu":
                yield check_flags(lacking_flags(device, chosen), chosen)
    except UserError as error:
        yield failed(f"a device with key {address.key}", str(error))


def check_versions(versions: dict[str, str]) -> Check:
    """TVM's on the device against this machine's: bytecode and libraries go from one to the other."""
    here, there = version("apache-tvm"), versions.get("apache-tvm")
    if there is None:
        return Check("TVM on the device, whose server does not tell its version (tvm-srq rpc server does)")
    if there.split(".")[:2] == here.split(".")[:2]:
        return Check(f"TVM {there} on the device")
    return Check(f"TVM {there} on the device", f"this machine has {here}", f"on the device: pip install apache-tvm=={here}")


def check_flags(lacking: list[str] | None, chosen: Preset) -> Check:
    what = f"the device's processor for {chosen.name}"
    if lacking is None:
        return Check(f"{what}: there is no way to know its features")
    if not lacking:
        return Check(what)
    return Check(what, f"it lacks {', '.join(lacking)}", "compile for another target; tvm-srq targets lists them")
