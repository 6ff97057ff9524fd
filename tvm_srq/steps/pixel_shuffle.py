"""Pixel shuffle where no convolution does it on the way: channels become positions."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from tvm_srq.steps.step import Rows, Step


@dataclass(frozen=True, eq=False)
class PixelShuffle(Step):
    """out[c, r * y + i, r * x + j] = s[c * r * r + i * r + j, y, x], r the factor."""

    name: ClassVar[str] = "pixel_shuffle"
    factor: int

    def __post_init__(self) -> None:
        self._require(self.factor >= 1, f"no factor: {self.factor}")

    @property
    def rows(self) -> Rows:
        return Rows(False, self.factor)

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 1)
        self._require(len(inputs[0]) % self.factor**2 == 0, f"{len(inputs[0])} channels for a factor of {self.factor}")
        return functional.pixel_shuffle(inputs[0][None], self.factor)[0]
