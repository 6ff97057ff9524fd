"""How much memory this process takes, as the system counts it."""

from pathlib import Path

from tvm_srq.errors import UserError


def resident(which: str) -> int:
    """Bytes of this process in memory: ``VmRSS`` now, ``VmHWM`` at its peak.

    Raises:
        UserError: this system does not tell.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    for line in lines:
        if line.startswith(f"{which}:"):
            return 1024 * int(line.split()[1])
    raise UserError("resident memory is read from Linux's /proc/self/status, which is not here; run this on Linux")
