"""Rows below and columns to the right until both are multiples of a number."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from tvm_srq.steps.pad import MODES, surround
from tvm_srq.steps.step import Step


@dataclass(frozen=True, eq=False)
class PadToMultiple(Step):
    """The stream with as few rows below and columns right as make its extent a multiple.

    Attributes:
        multiple: of rows and of columns.
        mode: what they hold, as :class:`tvm_srq.steps.pad.Pad` has it.
    """

    name: ClassVar[str] = "pad_to_multiple"
    whole_rows: ClassVar[bool] = True
    multiple: int
    mode: str = "reflect"

    def __post_init__(self) -> None:
        self._require(self.multiple >= 1, f"no multiple: {self.multiple}")
        self._require(self.mode in MODES, f"no mode: {self.mode}")

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 1)
        _, height, width = inputs[0].shape
        return surround(inputs[0], self.mode, (0, -height % self.multiple), (0, -width % self.multiple))
