"""Rows and columns around a stream."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tvm_srq.steps.step import Step

MODES = ("zeros", "reflect", "replicate")


@dataclass(frozen=True, eq=False)
class Pad(Step):
    """The stream with rows and columns around it.

    Attributes:
        mode: what they hold: "zeros"; "reflect", the map mirrored at its border pixels, which are not repeated, back and forth
            where it is smaller than the padding; "replicate", the border pixels.
        top, bottom, left, right: how many.
    """

    name: ClassVar[str] = "pad"
    whole_rows: ClassVar[bool] = True
    mode: str
    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def __post_init__(self) -> None:
        self._require(self.mode in MODES, f"no mode: {self.mode}")
        self._require(min(self.top, self.bottom, self.left, self.right) >= 0, "less than no padding")

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 1)
        return surround(inputs[0], self.mode, (self.top, self.bottom), (self.left, self.right))


def surround(value: Tensor, mode: str, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
    """(C, H, W) with so many rows above and below, columns left and right."""
    _, height, width = value.shape
    y, x = np.arange(-rows[0], height + rows[1]), np.arange(-columns[0], width + columns[1])
    result = value[:, torch.from_numpy(source_of(mode, y, height))][:, :, torch.from_numpy(source_of(mode, x, width))]
    if mode == "zeros":
        inside = ((y >= 0) & (y < height))[:, None] & ((x >= 0) & (x < width))
        result = torch.where(torch.from_numpy(inside), result, 0)
    return result


def source_of(mode: str, positions: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Where positions of any integer take their values from, 0 to size - 1; with zeros, those outside from anywhere."""
    if mode == "reflect":
        period = max(2 * (size - 1), 1)
        folded = positions % period
        return np.minimum(folded, period - folded) if size > 1 else np.zeros_like(positions)
    return np.clip(positions, 0, size - 1)
