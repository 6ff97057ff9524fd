"""Max pooling of streams."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from tvm_srq.steps.arithmetic import STREAM_MIN
from tvm_srq.steps.step import Step


@dataclass(frozen=True, eq=False)
class MaxPool(Step):
    """The largest value of every window; positions outside the map do not count.

    Attributes:
        kernel, stride: of both axes.
        padding: on all four sides, at most half the kernel. The output has (size + 2 padding - kernel) // stride + 1 rows.
    """

    name: ClassVar[str] = "max_pool"
    whole_rows: ClassVar[bool] = True
    kernel: int
    stride: int
    padding: int = 0

    def __post_init__(self) -> None:
        check_window(self, self.kernel, self.stride, self.padding)

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 1)
        parts = windows(self, inputs[0], self.kernel, self.stride, self.padding, STREAM_MIN)
        result = parts[0]
        for part in parts[1:]:
            result = torch.maximum(result, part)
        return result


def check_window(step: Step, kernel: int, stride: int, padding: int) -> None:
    """Raises:
    ValueError: the window is none, or may lie outside the map.
    """
    if kernel < 1 or stride < 1 or not 0 <= 2 * padding <= kernel:
        raise ValueError(f"{step.name}: no window: kernel {kernel}, stride {stride}, padding {padding}")


def windows(step: Step, value: Tensor, kernel: int, stride: int, padding: int, outside: int) -> list[Tensor]:
    """For every place in the window, the (C, H', W') values that are there in each window.

    Raises:
        ValueError: the map is smaller than one window.
    """
    value = functional.pad(value, [padding] * 4, value=outside)
    rows, columns = ((size - kernel) // stride + 1 for size in value.shape[1:])
    if rows < 1 or columns < 1:
        raise ValueError(f"{step.name}: {tuple(value.shape[1:])} is smaller than a window of {kernel}")
    return [
        value[:, y : y + (rows - 1) * stride + 1 : stride, x : x + (columns - 1) * stride + 1 : stride]
        for y in range(kernel)
        for x in range(kernel)
    ]
