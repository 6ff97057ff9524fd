"""What a device's processor knows, against what a target's code needs. All names are those of Linux's /proc/cpuinfo."""

import json
from typing import Any

import numpy as np

from tvm_srq.errors import UserError
from tvm_srq.execution.ffi import without_torch
from tvm_srq.remote.device import Device
from tvm_srq.remote.library import build_library
from tvm_srq.targets import Preset
from tvm_srq.tuning.host import CPU_FLAGS, needed_flags

with without_torch():
    import tvm
    from tvm.script.ir_builder import IRBuilder
    from tvm.script.ir_builder import tirx as T

AUXILIARY = (16, 26)  # AT_HWCAP and AT_HWCAP2 (Linux, include/uapi/linux/auxvec.h)
ARM_BITS = {"asimd": (0, 1), "asimddp": (0, 20), "sve": (0, 22), "sve2": (1, 1), "i8mm": (1, 13), "bf16": (1, 14)}
"""Word and bit of a feature (Linux, arch/arm64/include/uapi/asm/hwcap.h)."""
DESCRIBE = "tvm_srq.describe_device"


def description(device: Device) -> dict[str, Any]:
    """What ``tvm-srq rpc server`` tells of its machine (tvm_srq.remote.description); empty for TVM's own servers."""
    describe = device.function(DESCRIBE)
    return {} if describe is None else json.loads(str(describe()))


def auxiliary_kernel() -> tvm.IRModule:
    """A function that asks the C library for what Linux tells programs of the processor. Phones' runtimes have no other way."""
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        words = T.arg("words", T.buffer((len(AUXILIARY),), "uint64"))
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        for index, kind in enumerate(AUXILIARY):
            T.buffer_store(words, T.call_extern("uint64", "getauxval", T.uint64(kind)), [index])
    return tvm.IRModule({"main": builder.get()})


def device_flags(device: Device, preset: Preset) -> set[str] | None:
    """The features that the device's processor has; None where there is no way to know.

    Raises:
        UserError: it is another machine than the target's, or lost.
    """
    with device.guard(f"tell its processor's features, as a machine of target {preset.name}"):
        told = description(device)
        if told.get("machine", preset.machine) != preset.machine:
            raise UserError(f"{device.name} is a {told['machine']} machine, and target {preset.name} is for {preset.machine}")
        if preset.machine == "aarch64":
            words = device.upload(np.zeros(len(AUXILIARY), np.uint64))
            device.load_library(build_library(auxiliary_kernel(), preset))["main"](words)
            values = [int(value) for value in words.numpy()]
            return {name for name, (word, bit) in ARM_BITS.items() if values[word] >> bit & 1}
        if told.get("cpuinfo"):
            return set(told["cpuinfo"])
        return llvm_flags(device)


def llvm_flags(device: Device) -> set[str] | None:
    """As LLVM sees them, where the device's TVM has its compiler."""
    features, serialize = device.function("tvm.codegen.llvm.GetHostCPUFeatures"), device.function("ffi.ToJSONGraphString")
    if features is None or serialize is None:
        return None
    present = true_keys(json.loads(str(serialize(features(), None))))
    return {linux for llvm, linux in CPU_FLAGS.items() if llvm in present}


def true_keys(graph: dict[str, Any]) -> set[str]:
    """Keys of a map from strings to booleans, out of the JSON graph of TVM's objects (ffi.ToJSONGraphString)."""
    nodes = graph["nodes"]
    entries = nodes[graph["root_index"]]["data"]
    pairs = zip(entries[::2], entries[1::2], strict=True)
    return {nodes[key]["data"] for key, value in pairs if nodes[nodes[value]["data"]["value"]]["data"]}


def lacking_flags(device: Device, preset: Preset) -> list[str] | None:
    """Features that a target's code needs and the device lacks; None where there is no way to know."""
    flags = device_flags(device, preset)
    return None if flags is None else sorted(needed_flags(preset) - flags)


def require_runs_there(device: Device, preset: Preset) -> None:
    """Raise a UserError if a device's processor does not run a target's code, as far as it can be known."""
    if lacking := lacking_flags(device, preset):
        raise UserError(f"target {preset.name} needs {', '.join(lacking)}, which {device.name} lacks; choose another target")
