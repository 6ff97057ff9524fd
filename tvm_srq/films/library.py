"""PyAV, which is an optional package."""

import importlib.util

from tvm_srq.errors import UserError


def require_av(path: object) -> None:
    """Raise a UserError unless PyAV is installed, without importing it.

    Args:
        path: the film that needs it.
    """
    if importlib.util.find_spec("av") is None:
        raise UserError(f"{path} is a film, which PyAV reads and writes, and it is not installed: pip install '.[video]'")
