"""Rows and columns moved around."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from tvm_srq.steps.step import Step


@dataclass(frozen=True, eq=False)
class Roll(Step):
    """(C, H, W): the pixel (y, x) of the result is ((y - rows_down) mod H, (x - columns_right) mod W) of the stream.

    Attributes:
        rows_down, columns_right: how far down and to the right; below zero the other way.
    """

    name: ClassVar[str] = "roll"
    whole_rows: ClassVar[bool] = True
    rows_down: int = 0
    columns_right: int = 0

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 1)
        return torch.roll(inputs[0], (self.rows_down, self.columns_right), (1, 2))
