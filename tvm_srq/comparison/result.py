"""What a comparison found."""

from __future__ import annotations

from dataclasses import dataclass

from tvm_srq.comparison.row import Basis, Row
from tvm_srq.comparison.settings import Settings


@dataclass(frozen=True)
class Comparison:
    """What was found.

    Attributes:
        rows: by network, in the order given; of each this machine, then the devices, in the order given.
        notes: what the table does not say of itself, a sentence each.
    """

    settings: Settings
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        return any(row.basis is Basis.FAILED for row in self.rows)
