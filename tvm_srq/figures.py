"""Plots as files; they need matplotlib (pip install 'tvm_srq[plots]'), which is said where this is imported without it."""

from pathlib import Path

from tvm_srq.errors import UserError
from tvm_srq.files import replacing

try:
    from matplotlib.figure import Figure
except ImportError as error:
    raise UserError("plots need matplotlib, which is missing; install it with: pip install 'tvm_srq[plots]'") from error

__all__ = ["Figure", "save"]


def save(figure: Figure, path: str | Path) -> None:
    """Write a PNG, whole or not at all."""
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")
