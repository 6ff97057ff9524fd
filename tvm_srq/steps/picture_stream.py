"""The uint8 picture as a stream: what networks compute with beside their first convolution."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tvm_srq.steps.arithmetic import by_channel, clip_stream, floats, integers
from tvm_srq.steps.scale import MAX_OFFSET
from tvm_srq.steps.step import Step

MAX_MULTIPLIER = 2**15  # 255 of them are exact integers in float32


@dataclass(frozen=True, eq=False)
class PictureStream(Step):
    """clip_stream(rint(float32(pixel) * multiplier[c]) + offset[c]).

    Attributes:
        multiplier: (C,) float32, stream steps of one pixel value; not beyond MAX_MULTIPLIER.
        offset: (C,) int32, in stream steps.
    """

    name: ClassVar[str] = "picture_stream"
    multiplier: NDArray[np.float32]
    offset: NDArray[np.int32]

    def __post_init__(self) -> None:
        multiplier, offset = floats(self.multiplier, "multiplier"), integers(self.offset, np.int32, "offset")
        self._set(multiplier=multiplier, offset=offset)
        self._require(len(multiplier) == len(offset) > 0, "arrays of different lengths")
        self._require(bool((np.abs(multiplier) <= MAX_MULTIPLIER).all()), f"a multiplier beyond {MAX_MULTIPLIER}")
        self._require(bool((np.abs(offset.astype(np.int64)) <= MAX_OFFSET).all()), f"an offset beyond {MAX_OFFSET}")

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 1)
        (pixels,) = inputs
        self._require(len(pixels) == len(self.offset), f"{len(self.offset)} channels, not {len(pixels)}")
        scaled = (pixels.float() * by_channel(self.multiplier)).round().to(torch.int32)
        return clip_stream(scaled + by_channel(self.offset))
