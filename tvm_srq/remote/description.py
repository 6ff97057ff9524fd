"""What ``tvm-srq rpc server`` tells of its machine; TVM's own servers do not have it. Imports only TVM's runtime."""

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import tvm_ffi

DESCRIBE = "tvm_srq.describe_device"


@tvm_ffi.register_global_func(DESCRIBE, override=True)
def describe() -> str:
    """Machine, versions and, on Linux, the words of /proc/cpuinfo, as JSON."""
    cpuinfo = Path("/proc/cpuinfo")
    words = sorted(set(cpuinfo.read_text().split())) if cpuinfo.is_file() else []
    return json.dumps({"machine": platform.machine(), "versions": installed(), "cpuinfo": words})


def installed() -> dict[str, str]:
    """Versions of the packages that matter, where they are installed."""
    found = {}
    for package in ("apache-tvm", "apache-tvm-ffi", "tvm_srq"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
