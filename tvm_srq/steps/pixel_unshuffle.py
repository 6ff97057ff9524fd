"""Pixel unshuffle: positions become channels."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from tvm_srq.steps.step import Step


@dataclass(frozen=True, eq=False)
class PixelUnshuffle(Step):
    """out[c * r * r + i * r + j, y, x] = s[c, r * y + i, r * x + j], r the factor; it divides rows and columns."""

    name: ClassVar[str] = "pixel_unshuffle"
    whole_rows: ClassVar[bool] = True
    factor: int

    def __post_init__(self) -> None:
        self._require(self.factor >= 1, f"no factor: {self.factor}")

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 1)
        _, height, width = inputs[0].shape
        self._require(height % self.factor == width % self.factor == 0, f"{height} x {width} for a factor of {self.factor}")
        return functional.pixel_unshuffle(inputs[0][None], self.factor)[0]
