"""The standard deviation over all pixels."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from tvm_srq.steps.arithmetic import clip_stream
from tvm_srq.steps.global_average import rounded_quotient
from tvm_srq.steps.step import Step


@dataclass(frozen=True, eq=False)
class GlobalDeviation(Step):
    """(C, 1, 1): clip_stream(rint(sqrt(float64(q)))), where m = (2 * sum + N) // (2 * N), q = (sum of (s - m)**2 << 8) // N.

    Everything but the root is int64, N pixels, at most 2**24. The output's step is the input's / 16.
    """

    name: ClassVar[str] = "global_deviation"
    whole_rows: ClassVar[bool] = True

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 1)
        value, count = inputs[0].long(), inputs[0][0].numel()
        mean = rounded_quotient(value.sum((1, 2), keepdim=True), count)
        squares = ((value - mean) ** 2).sum((1, 2), keepdim=True)
        root = torch.div(squares << 8, count, rounding_mode="floor").double().sqrt()
        return clip_stream(root.round()).to(torch.int32)
