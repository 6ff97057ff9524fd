"""Normalization by the mean and the deviation over the channels of each pixel."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from tvm_srq.steps.arithmetic import clip_stream
from tvm_srq.steps.step import Step

MAX_CHANNELS = 2**16  # n**2 squares of 2**15 stay within int64
MAX_NUMBER = 2.0**400  # far from what float64 cannot hold, quotients and products included


@dataclass(frozen=True, eq=False)
class LayerNorm(Step):
    """(C, H, W): normalized(C * s - sum, gain / sqrt(float64(C * squares - sum**2) + epsilon)), see :func:`normalized`.

    sum and squares are those of a pixel's C values and of their squares, int64; C is at most 2**16. The quotient is 0 where
    the root is. No product is added to anything in floats, so nothing can be contracted.

    Attributes:
        epsilon: float64, of the variance, times C**2, in squares of the input's step; at least 0.
        gain: float64, 1 / the output's step.
    """

    name: ClassVar[str] = "layer_norm"
    epsilon: float
    gain: float

    def __post_init__(self) -> None:
        self._set(epsilon=float(self.epsilon), gain=float(self.gain))
        require_numbers(self.epsilon, self.gain, self.name)

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 1)
        value, channels = inputs[0].long(), len(inputs[0])
        self._require(channels <= MAX_CHANNELS, f"{channels} channels")
        total = value.sum(0, keepdim=True)
        spread = channels * (value * value).sum(0, keepdim=True) - total * total
        return normalized(channels * value - total, quotient(self.gain, (spread.double() + self.epsilon).sqrt()))


def require_numbers(epsilon: float, gain: float, step: str) -> None:
    """Raises ValueError for an epsilon or a gain that the step of that name cannot compute with."""
    if not 0 <= epsilon <= MAX_NUMBER:
        raise ValueError(f"{step}: no epsilon: {epsilon}")
    if not 0 < gain <= MAX_NUMBER:
        raise ValueError(f"{step}: no gain: {gain}")


def quotient(gain: float, divisor: Tensor) -> Tensor:
    """float64: gain / divisor, 0 where that is 0."""
    return torch.where(divisor > 0, gain / divisor, torch.zeros_like(divisor))


def normalized(centered: Tensor, factor: Tensor) -> Tensor:
    """int64 by float64 -> int32: rint(clip_stream(float64(centered) * factor))."""
    return clip_stream(centered.double() * factor).round().to(torch.int32)
