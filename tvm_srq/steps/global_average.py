"""The average of all pixels."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from tvm_srq.steps.arithmetic import clip_stream
from tvm_srq.steps.step import Step

MAX_SHIFT = 15


@dataclass(frozen=True, eq=False)
class GlobalAverage(Step):
    """(C, 1, 1): clip_stream((2 * (sum << shift) + N) // (2 * N)), int64 and floor division, N pixels.

    Attributes:
        shift: the output's step is the input's / 2**shift.
    """

    name: ClassVar[str] = "global_average"
    whole_rows: ClassVar[bool] = True
    shift: int = 0

    def __post_init__(self) -> None:
        self._require(0 <= self.shift <= MAX_SHIFT, f"no shift: {self.shift}")

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 1)
        total = inputs[0].long().sum((1, 2), keepdim=True) << self.shift
        return clip_stream(rounded_quotient(total, inputs[0][0].numel())).to(torch.int32)


def rounded_quotient(total: Tensor, count: int) -> Tensor:
    """(2 * total + count) // (2 * count)."""
    return torch.div(2 * total + count, 2 * count, rounding_mode="floor")
