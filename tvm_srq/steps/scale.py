"""Affine maps, PReLU, clamps and requantization of a stream to another step."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tvm_srq.steps.arithmetic import STREAM_MAX, STREAM_MIN, by_channel, floats, integers, rescale
from tvm_srq.steps.step import Step

MAX_OFFSET = 2**24
MAX_PRODUCT = 2**25  # clipped to this, products end beyond a stream whatever the offset


@dataclass(frozen=True, eq=False)
class Scale(Step):
    """clip(rint(float32(s) * (positive[c] if s >= 0 else negative[c])) + offset[c], low, high).

    Attributes:
        positive, negative: (C,) float32, for values >= 0 and for those below.
        offset: (C,) int32, in steps of the output.
        low, high: ends of the output's range, within the stream's.
    """

    name: ClassVar[str] = "scale"
    positive: NDArray[np.float32]
    negative: NDArray[np.float32]
    offset: NDArray[np.int32]
    low: int = STREAM_MIN
    high: int = STREAM_MAX

    def __post_init__(self) -> None:
        positive, negative = floats(self.positive, "positive"), floats(self.negative, "negative")
        self._set(positive=positive, negative=negative, offset=integers(self.offset, np.int32, "offset"))
        self._require(len(positive) == len(negative) == len(self.offset), "arrays of different lengths")
        self._require(bool((np.abs(self.offset.astype(np.int64)) <= MAX_OFFSET).all()), f"an offset beyond {MAX_OFFSET}")
        self._require(STREAM_MIN <= self.low <= self.high <= STREAM_MAX, f"no range within the stream's: {self.low}, {self.high}")

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 1)
        (value,) = inputs
        self._require(len(value) == len(self.positive), f"{len(self.positive)} channels, not {len(value)}")
        multiplier = torch.where(value >= 0, by_channel(self.positive), by_channel(self.negative))
        product = rescale(value, multiplier, (-MAX_PRODUCT, MAX_PRODUCT))
        return (product + by_channel(self.offset)).clamp(self.low, self.high)
