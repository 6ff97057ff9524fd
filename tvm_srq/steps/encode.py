"""From a stream to the codes that a convolution reads (docs/numerics.md)."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tvm_srq.requantize import MAX_TABLE
from tvm_srq.steps.arithmetic import by_channel, floats, integers, rescale
from tvm_srq.steps.step import Step

MAX_LEVELS = 256


@dataclass(frozen=True, eq=False)
class Encode(Step):
    """m = levels[clip(rint(float32(s) * ratio[c]), low, high) - low], high = low + len(levels) - 1; where codes have zero
    points, m = clip(rint(float32(s) * ratio[c]), low - z[c], high - z[c]) + z[c].

    Kernels pad a picture's rows with columns of the codes of a real zero: z[c], or 0.

    Attributes:
        ratio: (C,) float32, the stream's step over the codes' of each channel.
        low: smallest fine index.
        levels: int16, decoded value of fine index low + i; at most 64 unless they are the integers from low on.
        zero_point: (C,) int16 within the levels, which are then consecutive integers; or empty.
    """

    name: ClassVar[str] = "encode"
    ratio: NDArray[np.float32]
    low: int
    levels: NDArray[np.int16]
    zero_point: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))

    def __post_init__(self) -> None:
        levels, zero_point = integers(self.levels, np.int16, "levels"), integers(self.zero_point, np.int16, "zero_point")
        self._set(ratio=floats(self.ratio, "ratio"), levels=levels, zero_point=zero_point)
        self._require(0 < len(levels) <= MAX_LEVELS and abs(self.low) <= MAX_LEVELS, f"{len(levels)} levels from {self.low} on")
        self._require(self.uniform or len(levels) <= MAX_TABLE, f"{len(levels)} levels that are not consecutive integers")
        if len(zero_point):
            self._require(self.uniform and len(zero_point) == len(self.ratio), "zero points need uniform codes, one a channel")
            self._require(bool(((zero_point >= self.low) & (zero_point <= self.high)).all()), "a zero point beyond the levels")

    @property
    def high(self) -> int:
        """Largest fine index."""
        return self.low + len(self.levels) - 1

    @property
    def uniform(self) -> bool:
        """A code is its fine index."""
        return bool((self.levels == np.arange(self.low, self.low + len(self.levels))).all())

    def outside(self) -> NDArray[np.int16]:
        """(C,) decoded codes of a real zero."""
        return self.zero_point if len(self.zero_point) else np.zeros(len(self.ratio), np.int16)

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 1)
        (value,) = inputs
        self._require(len(value) == len(self.ratio), f"{len(self.ratio)} channels, not {len(value)}")
        # whatever clip_stream takes away lies beyond every level
        index = rescale(value, by_channel(self.ratio)) + by_channel(self.outside().astype(np.int32))
        levels = torch.from_numpy(self.levels.astype(np.int32))
        return levels[(index.clamp(self.low, self.high) - self.low).long()]
