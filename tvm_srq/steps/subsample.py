"""Every n-th pixel of a stream: what remains of a strided convolution computed at stride 1."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from tvm_srq.steps.step import Step


@dataclass(frozen=True, eq=False)
class Subsample(Step):
    """out[c, y, x] = s[c, y * stride + start, x * stride + start]; without an extent, all such pixels of the map."""

    name: ClassVar[str] = "subsample"
    whole_rows: ClassVar[bool] = True
    start: int
    stride: int

    def __post_init__(self) -> None:
        self._require(self.start >= 0 and self.stride >= 1, f"no steps: from {self.start} by {self.stride}")

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 1)
        result = inputs[0][:, self.start :: self.stride, self.start :: self.stride]
        if extent is None:
            return result
        self._require(extent[0] <= result.shape[1] and extent[1] <= result.shape[2], f"{extent} lies outside the map")
        return result[:, : extent[0], : extent[1]]
