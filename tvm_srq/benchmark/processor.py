"""The name of this machine's processor. Imports nothing of TVM."""

import platform
from pathlib import Path


def processor_name() -> str:
    """As Linux tells it on x86; elsewhere what Python knows, which may be the machine's kind alone."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    named = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.processor() or platform.machine()
