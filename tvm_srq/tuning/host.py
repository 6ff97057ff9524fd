"""The machine this process runs on, and whether it runs a target's code."""

import platform
from contextlib import suppress
from pathlib import Path

from tvm.target.codegen import llvm_get_cpu_features, llvm_get_system_cpu

from tvm_srq.errors import UserError
from tvm_srq.execution.tiles import request_tiles
from tvm_srq.targets import Preset, preset

CPU_FLAGS = {"sse4.2": "sse4_2", "avx2": "avx2", "avx512bw": "avx512bw", "avx512vnni": "avx512_vnni",
             "avx512vbmi": "avx512vbmi", "amx-tile": "amx_tile", "amx-int8": "amx_int8", "dotprod": "asimddp",
             "i8mm": "i8mm"}  # fmt: skip
"""LLVM's name of a feature that kernels use -> Linux's name in /proc/cpuinfo."""


HOST = "host"
BEST_FIRST = (
    "x86-64-amx", "x86-64-v4", "x86-64-v3", "x86-64-v2", "aarch64-linux-x2", "aarch64-linux-a76", "aarch64-linux",
)  # fmt: skip


def host_target() -> str:
    """The best preset that this processor runs.

    Raises:
        UserError: none does.
    """
    for name in BEST_FIRST:
        with suppress(UserError):
            require_runs_here(preset(name))
            return name
    raise UserError(f"no target runs on this {platform.machine()} machine; name one with --target (see: tvm-srq targets)")


def named_target(name: str) -> str:
    """A target as users name it: HOST is the best that this processor runs."""
    return host_target() if name == HOST else name


def host_processor() -> str:
    """LLVM's name of this machine's processor."""
    return str(llvm_get_system_cpu())


def needed_flags(preset: Preset) -> set[str]:
    """Features that a target's code uses, by Linux's names."""
    return {CPU_FLAGS[name] for name in llvm_get_cpu_features(preset.target) if name in CPU_FLAGS}


def require_runs_here(preset: Preset) -> None:
    """Check a target's machine and instructions against this one's; elsewhere than on Linux only the machine.

    Of the system this process gets the right to use what the target's code needs.

    Raises:
        UserError: its code does not run here.
    """
    machine = preset.config.get("mtriple", preset.config["kind"]).split("-")[0]
    if machine != platform.machine():
        raise UserError(f"target {preset.name} does not run on this {platform.machine()} machine; tune on a machine that runs it")
    cpuinfo = Path("/proc/cpuinfo")
    here = set(cpuinfo.read_text().split()) if cpuinfo.is_file() else set(CPU_FLAGS.values())
    if lacking := sorted(needed_flags(preset) - here):
        raise UserError(f"target {preset.name} needs {', '.join(lacking)}, which this processor lacks; choose another target")
    if preset.uses_tiles:
        request_tiles()
