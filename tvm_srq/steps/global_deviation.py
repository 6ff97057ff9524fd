"""The standard deviation over all pixels."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from tvm_srq.steps.arithmetic import clip_stream
from tvm_srq.steps.global_average import rounded_quotient
from tvm_srq.steps.step import Step

MAX_SHIFT = 4  # sums of squares of 2**24 pixels stay within int64


@dataclass(frozen=True, eq=False)
class GlobalDeviation(Step):
    """(C, 1, 1): clip_stream(rint(sqrt(float64(q)))), m = (2 sum + N) // (2 N), q = (sum of (s - m)**2 << 2 shift) // N.

    Everything but the root is int64, N pixels, at most 2**24.

    Attributes:
        shift: 0 to 4; the output's step is the input's / 2**shift.
    """

    name: ClassVar[str] = "global_deviation"
    whole_rows: ClassVar[bool] = True
    shift: int = 0

    def __post_init__(self) -> None:
        self._require(0 <= self.shift <= MAX_SHIFT, f"no shift: {self.shift}")

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 1)
        value, count = inputs[0].long(), inputs[0][0].numel()
        mean = rounded_quotient(value.sum((1, 2), keepdim=True), count)
        squares = ((value - mean) ** 2).sum((1, 2), keepdim=True)
        root = torch.div(squares << 2 * self.shift, count, rounding_mode="floor").double().sqrt()
        return clip_stream(root.round()).to(torch.int32)
