"""Asking Linux for the tiles of Intel AMX, whose 8 KiB it keeps for a process only where that has asked.

Without it the first tile instruction ends the process (Linux, Documentation/arch/x86/xstate.rst).
"""

import ctypes
import errno
import os
from typing import Any

from tvm_srq.errors import UserError

FEATURE = "+amx-tile"
ARCH_PRCTL, REQUEST_PERMISSION, TILE_DATA = 158, 0x1023, 18
"""Number of the system call, its operation ARCH_REQ_XCOMP_PERM, and the state that is asked for."""


def uses_tiles(config: dict[str, Any]) -> bool:
    """Whether a TVM target's kernels use tiles."""
    return FEATURE in config.get("mattr", ())


def request_tiles() -> None:
    """Ask for all threads of this process, those to come too; asking again does no harm.

    Raises:
        UserError: the system refuses.
    """
    library = ctypes.CDLL(None, use_errno=True)
    if library.syscall(ARCH_PRCTL, REQUEST_PERMISSION, TILE_DATA) != 0:
        raise UserError(refusal("this system", ctypes.get_errno()))


def refusal(where: str, error: int) -> str:
    """One sentence."""
    reason = "a thread's signal stack is too small for them" if error == errno.ENOSPC else os.strerror(error)
    return f"{where} lets this process not use AMX tiles ({reason}); they need Linux 5.16 or later; or compile for x86-64-v4"
