"""A part of a stream."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from tvm_srq.steps.step import Step


@dataclass(frozen=True, eq=False)
class Crop(Step):
    """The output's rows and columns, which are the caller's, from (top, left) on."""

    name: ClassVar[str] = "crop"
    whole_rows: ClassVar[bool] = True
    top: int = 0
    left: int = 0

    def __post_init__(self) -> None:
        self._require(min(self.top, self.left) >= 0, f"begins outside the map: {self.top}, {self.left}")

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 1)
        if extent is None:
            raise ValueError("crop: the output's extent is missing")
        bottom, right = self.top + extent[0], self.left + extent[1]
        self._require(bottom <= inputs[0].shape[1] and right <= inputs[0].shape[2], f"{extent} lies outside the map")
        return inputs[0][:, self.top : bottom, self.left : right]
