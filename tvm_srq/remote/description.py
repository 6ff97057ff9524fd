"""What ``tvm-srq rpc server`` tells of its machine; TVM's own servers do not have it. Imports only TVM's runtime."""

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import tvm_ffi

DESCRIBE = "tvm_srq.describe_device"


@tvm_ffi.register_global_func(DESCRIBE, override=True)
def describe() -> str:
    """Machine, whether it is emulated, versions and, on Linux, the words of /proc/cpuinfo, as JSON."""
    cpuinfo = Path("/proc/cpuinfo")
    words = sorted(set(cpuinfo.read_text().split())) if cpuinfo.is_file() else []
    told = {"machine": platform.machine(), "emulated": is_emulated(), "versions": installed(), "cpuinfo": words}
    return json.dumps(told)


def is_emulated() -> bool:
    """Whether qemu's user mode runs this process, so that its times say nothing of the machine's.

    The program that /proc names by the process's thread is the emulator itself: qemu shows its guest another one only where it
    asks by the process.
    """
    try:
        return Path(os.readlink(f"/proc/self/task/{os.getpid()}/exe")).name.startswith("qemu-")
    except OSError:
        return False


def installed() -> dict[str, str]:
    """Versions of the packages that matter, where they are installed."""
    found = {}
    for package in ("apache-tvm", "apache-tvm-ffi", "tvm_srq"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
