"""The integer convolution with what is fused behind it (docs/numerics.md), as every kernel of a convolution computes it."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tvm_srq.steps.arithmetic import STREAM_MAX, STREAM_MIN, by_channel, clip_stream
from tvm_srq.steps.step import Step

EXACT_FLOAT32 = 2**24


def none(dtype: type) -> NDArray:
    return np.zeros(0, dtype)


@dataclass(frozen=True, eq=False)
class Convolution(Step):
    """accumulator = start + sum of weight * m; v = rint(clip(float32(accumulator) * (positive or negative[o]))).

    Inputs: the codes' parts, side by side along the channels, of which the first I are read, or the picture; then, if
    ``adds_skip``, a stream. Outputs, those there are, in this order: the stream, the codes, the picture.

    Attributes:
        weight: (O, I / groups, k, k) int8. start: (O,) int32. positive, negative: (O,) float32.
        padding: (I,) int16, what lies outside of the map.
        ratio: (O / shuffle**2,) float32, a stream's step over the codes', where codes are made from the stream; else empty.
        levels: int16, decoded codes of fine indices low, low + 1, .. ; empty if no codes are made.
        zero_point: (O / shuffle**2,) int16, output codes of a real zero; empty for zeros.
        low: the smallest fine index of the codes made.
        in_low, in_high: range of the decoded codes read.
        out_low, out_high: range of all codes of the map that is written (other parts of a concatenation included).
        groups, shuffle: convolution groups; the pixel shuffle's factor.
        bent: negative accumulators have multipliers of their own.
        reads_picture, adds_skip, writes_stream, writes_codes, writes_picture: which inputs and outputs there are.
    """

    name: ClassVar[str] = "convolution"
    weight: NDArray[np.int8]
    start: NDArray[np.int32]
    positive: NDArray[np.float32]
    negative: NDArray[np.float32]
    padding: NDArray[np.int16]
    ratio: NDArray[np.float32] = field(default_factory=lambda: none(np.float32))
    levels: NDArray[np.int16] = field(default_factory=lambda: none(np.int16))
    zero_point: NDArray[np.int16] = field(default_factory=lambda: none(np.int16))
    low: int = 0
    in_low: int = 0
    in_high: int = 255
    out_low: int = 0
    out_high: int = 0
    groups: int = 1
    shuffle: int = 1
    bent: bool = False
    reads_picture: bool = False
    adds_skip: bool = False
    writes_stream: bool = False
    writes_codes: bool = False
    writes_picture: bool = False

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        raise NotImplementedError("a convolution may have several outputs: run_all")

    def run_all(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> list[Tensor]:
        """The outputs there are: stream, codes (decoded), picture; (C, H, W) int32 each."""
        parts, skip = (inputs[:-1], inputs[-1]) if self.adds_skip else (inputs, None)
        read = torch.cat(parts)[: self.weight.shape[1] * self.groups]
        total = self.accumulators(read).float()
        scaled = total * torch.where(total >= 0, by_channel(self.positive), by_channel(self.negative))
        if self.writes_picture:
            return [self.shuffled(scaled.clamp(0, 255).round().to(torch.int32))]
        if not len(self.ratio) and not self.writes_stream:
            low, high = (self.each_output(end) for end in self.ends())
            return [self.decoded(self.shuffled(scaled.clamp(low, high).round().to(torch.int32)))]
        stream = self.shuffled(scaled.clamp(STREAM_MIN, STREAM_MAX).round().to(torch.int32))
        if skip is not None:
            stream = clip_stream(stream + skip)
        outputs = [stream] if self.writes_stream else []
        if self.writes_codes:
            low, high = self.ends()
            outputs.append(self.decoded((stream.float() * by_channel(self.ratio)).clamp(low, high).round().to(torch.int32)))
        return outputs

    def accumulators(self, codes: Tensor) -> Tensor:
        """(O, H, W) int32, exact. Floats hold the integers: below 2**24, or in float64."""
        border, largest = self.weight.shape[2] // 2, int(codes.abs().max()) if codes.numel() else 0
        reach = max(largest, int(np.abs(self.padding.astype(np.int64)).max(initial=0)))
        bound = np.abs(self.weight.astype(np.int64)).sum((1, 2, 3)).max() * reach + np.abs(self.start.astype(np.int64)).max()
        dtype = torch.float32 if bound < EXACT_FLOAT32 else torch.float64
        padded = functional.pad(codes, [border] * 4)
        if self.padding.any():
            inside = functional.pad(torch.ones_like(codes[:1]), [border] * 4)
            padded = torch.where(inside.bool(), padded, by_channel(self.padding.astype(np.int32)))
        weight = torch.tensor(self.weight).to(dtype)
        sums = functional.conv2d(padded[None].to(dtype), weight, groups=self.groups)[0]
        return (sums + by_channel(self.start).to(dtype)).to(torch.int32)

    def ends(self) -> tuple[Tensor, Tensor]:
        """(O / shuffle**2, 1, 1): ends of the fine indices by output channel, less its zero point."""
        features = len(self.weight) // self.shuffle**2
        zero = self.zero_point.astype(np.int32) if len(self.zero_point) else np.zeros(features, np.int32)
        return by_channel(self.low - zero), by_channel(self.low + len(self.levels) - 1 - zero)

    def each_output(self, values: Tensor) -> Tensor:
        """By output channel -> by channel of the convolution, before its pixel shuffle."""
        return values.repeat_interleave(self.shuffle**2, 0)

    def decoded(self, index: Tensor) -> Tensor:
        """Fine indices, less zero points, -> decoded codes m."""
        if len(self.zero_point):
            index = index + by_channel(self.zero_point.astype(np.int32))
        return torch.from_numpy(self.levels.astype(np.int32))[(index - self.low).long()]

    def shuffled(self, value: Tensor) -> Tensor:
        return functional.pixel_shuffle(value[None], self.shuffle)[0] if self.shuffle > 1 else value
