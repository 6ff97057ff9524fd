"""Average pooling of streams."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from tvm_srq.steps.arithmetic import float32, rescale
from tvm_srq.steps.max_pool import check_window, windows
from tvm_srq.steps.step import Step

MAX_KERNEL = 128  # sums of so many squared stay within int32


@dataclass(frozen=True, eq=False)
class AveragePool(Step):
    """rescale(sum, float32(1 / kernel**2)) of every window, the sum in int32; positions outside the map count as zeros.

    Attributes:
        kernel, stride, padding: as :class:`tvm_srq.steps.max_pool.MaxPool` has them.
    """

    name: ClassVar[str] = "average_pool"
    whole_rows: ClassVar[bool] = True
    kernel: int
    stride: int
    padding: int = 0

    def __post_init__(self) -> None:
        check_window(self, self.kernel, self.stride, self.padding)
        self._require(self.kernel <= MAX_KERNEL, f"a window beyond {MAX_KERNEL}")

    @property
    def ratio(self) -> float:
        """float32(1 / kernel**2)."""
        return float32(1 / self.kernel**2, "ratio")

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 1)
        parts = windows(self, inputs[0], self.kernel, self.stride, self.padding, 0)
        total = parts[0].clone()
        for part in parts[1:]:
            total += part
        return rescale(total, self.ratio)
