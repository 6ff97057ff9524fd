"""Nearest upscaling: every pixel of a stream, or of codes, repeated."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tvm_srq.steps.arithmetic import integers
from tvm_srq.steps.step import Rows, Step


@dataclass(frozen=True, eq=False)
class Nearest(Step):
    """out[c, y, x] = s[c, y // factor, x // factor].

    Attributes:
        factor: how often rows and columns are repeated.
        zero_point: of codes: (C,) int16, the code of a real zero, with which kernels pad rows; empty for zeros.
    """

    name: ClassVar[str] = "nearest"
    factor: int
    zero_point: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))

    def __post_init__(self) -> None:
        self._set(zero_point=integers(self.zero_point, np.int16, "zero_point"))
        self._require(self.factor >= 1, f"no factor: {self.factor}")

    @property
    def rows(self) -> Rows:
        return Rows(False, self.factor)

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 1)
        return inputs[0].repeat_interleave(self.factor, 1).repeat_interleave(self.factor, 2)
