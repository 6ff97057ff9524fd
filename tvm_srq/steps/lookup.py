"""Any function of one stream value, as a table."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tvm_srq.steps.arithmetic import integers
from tvm_srq.steps.step import Step

ENTRIES = 4096  # one for 16 stream values: 8 KB, which stay in the first cache


@dataclass(frozen=True, eq=False)
class Lookup(Step):
    """table[min((s + 8) >> 4, 2047) + 2048].

    Attributes:
        table: (4096,) int16; entry i is the result for the stream value 16 * (i - 2048) and those nearest to it.
    """

    name: ClassVar[str] = "lookup"
    table: NDArray[np.int16]

    def __post_init__(self) -> None:
        self._set(table=integers(self.table, np.int16, "table"))
        self._require(len(self.table) == ENTRIES, f"a table of {ENTRIES}, not {len(self.table)}")

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 1)
        entry = ((inputs[0] + 8) >> 4).clamp(max=ENTRIES // 2 - 1) + ENTRIES // 2
        return torch.from_numpy(self.table.astype(np.int32))[entry.long()]
