"""Asking Linux for the tiles of Intel AMX, whose 8 KiB it keeps for a process only where that has asked.

Without it the first tile instruction ends the process (Linux, Documentation/arch/x86/xstate.rst).
"""

import ctypes
from typing import Any

from tvm_srq.errors import UserError

FEATURE = "+amx-tile"
ARCH_PRCTL, REQUEST_PERMISSION, TILE_DATA = 158, 0x1023, 18
"""The system call's number, its operation ARCH_REQ_XCOMP_PERM, and the state that is asked for."""


def uses_tiles(config: dict[str, Any]) -> bool:
    """Whether kernels for a TVM target use tiles."""
    return FEATURE in config.get("mattr", ())


def request_tiles() -> None:
    """Ask for all threads of this process, those to come too; asking again does no harm.

    Raises:
        UserError: the system refuses.
    """
    if ctypes.CDLL(None).syscall(ARCH_PRCTL, REQUEST_PERMISSION, TILE_DATA) != 0:
        raise UserError(refusal("this system"))


def refusal(where: str) -> str:
    """One sentence."""
    return f"{where} lets no process use AMX tiles, which takes Linux 5.16 or later; compile the network for x86-64-v4"
