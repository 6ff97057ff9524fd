"""The uint8 picture that a network returns, from its last stream and, if asked, the picture it was given."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tvm_srq.steps.arithmetic import by_channel, floats, integers
from tvm_srq.steps.scale import MAX_OFFSET
from tvm_srq.steps.step import WHOLE, Rows, Step

MAX_GAIN = 2**16


@dataclass(frozen=True, eq=False)
class ToPicture(Step):
    """clip(rint(float32(x) * multiplier[c]), 0, 255), where x = s + offset[c] + gain * picture, int32.

    Inputs are the stream, (C * r * r, H, W) in the order of a pixel shuffle by r = shuffle, and, unless gain is 0, the
    picture, (C, H / k, W / k) with k = picture_factor, whose pixels are repeated to the output's C x rH x rW.

    Attributes:
        multiplier: (C,) float32, pixel values of one stream step.
        offset: (C,) int32, in stream steps.
        shuffle: the pixel shuffle's factor, 1 for none.
        gain: stream steps of one value of the picture, or 0.
        picture_factor: the stream's extent over the picture's.
        cropped: the output may have fewer rows and columns, the first ones; they are the caller's.
    """

    name: ClassVar[str] = "to_picture"
    multiplier: NDArray[np.float32]
    offset: NDArray[np.int32]
    shuffle: int = 1
    gain: int = 0
    picture_factor: int = 1
    cropped: bool = False

    def __post_init__(self) -> None:
        multiplier, offset = floats(self.multiplier, "multiplier"), integers(self.offset, np.int32, "offset")
        self._set(multiplier=multiplier, offset=offset)
        self._require(len(multiplier) == len(offset) > 0, "arrays of different lengths")
        self._require(bool((np.abs(offset.astype(np.int64)) <= MAX_OFFSET).all()), f"an offset beyond {MAX_OFFSET}")
        self._require(abs(self.gain) <= MAX_GAIN, f"a gain beyond {MAX_GAIN}")
        self._require(not (self.gain and self.cropped), "a picture is added to all of the stream or not at all")
        self._require(min(self.shuffle, self.picture_factor) >= 1, f"no factor: {self.shuffle}, {self.picture_factor}")

    @property
    def rows(self) -> Rows:
        # strips of the stream need not begin on rows of the picture
        return WHOLE if self.cropped or (self.gain and self.picture_factor > 1) else Rows(False, self.shuffle)

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 2 if self.gain else 1)
        channels, factor = len(self.multiplier) * self.shuffle**2, self.shuffle * self.picture_factor
        self._require(len(inputs[0]) == channels, f"{channels} channels, not {len(inputs[0])}")
        value = functional.pixel_shuffle(inputs[0][None], self.shuffle)[0] + by_channel(self.offset)
        if self.cropped:
            if extent is None:
                raise ValueError("to_picture: the output's extent is missing")
            self._require(extent[0] <= value.shape[1] and extent[1] <= value.shape[2], f"{extent} lies outside the map")
            value = value[:, : extent[0], : extent[1]]
        if self.gain:
            repeated = inputs[1].repeat_interleave(factor, 1).repeat_interleave(factor, 2)
            self._require(repeated.shape == value.shape, f"a picture of {tuple(inputs[1].shape)}")
            value = value + self.gain * repeated
        return (value.float() * by_channel(self.multiplier)).clamp(0, 255).round().to(torch.int32)
