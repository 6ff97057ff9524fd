"""Normalization by the mean and the deviation over all pixels of groups of channels."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from tvm_srq.steps.global_average import rounded_quotient
from tvm_srq.steps.layer_norm import normalized, quotient, require_numbers
from tvm_srq.steps.step import Step

MAX_CHANNELS = 2**8  # of a group: sums of squares of 2**24 pixels stay within int64


@dataclass(frozen=True, eq=False)
class GroupNorm(Step):
    """(C, H, W): normalized(N * s - sum, gain / (float64(N) * sqrt(v + epsilon))), N values in a group, at most 2**32.

    v = (float64(squares) - float64(d**2) / float64(N)) / float64(N) is the variance. squares is the sum of (s - m)**2, m the
    mean rounded to an integer, (2 sum + N) // (2 N), and d = sum - N * m: exact in int64, where N squares of s itself are not
    safe. The quotient is 0 where the root is. No product is added to anything in floats, so nothing can be contracted.

    Attributes:
        groups: of neighbouring channels.
        epsilon: float64, of the variance, in squares of the input's step; at least 0.
        gain: float64, 1 / the output's step.
    """

    name: ClassVar[str] = "group_norm"
    whole_rows: ClassVar[bool] = True
    groups: int
    epsilon: float
    gain: float

    def __post_init__(self) -> None:
        self._set(epsilon=float(self.epsilon), gain=float(self.gain))
        self._require(self.groups >= 1, f"no groups: {self.groups}")
        require_numbers(self.epsilon, self.gain, self.name)

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 1)
        channels = len(inputs[0])
        self._require(channels % self.groups == 0, f"{self.groups} groups of {channels} channels")
        self._require(channels // self.groups <= MAX_CHANNELS, f"{channels // self.groups} channels in a group")
        value = inputs[0].long().reshape(self.groups, -1)
        count, total = value.shape[1], value.sum(1, keepdim=True)
        mean = rounded_quotient(total, count)
        squares, rest = ((value - mean) ** 2).sum(1, keepdim=True), total - count * mean
        variance = (squares.double() - (rest * rest).double() / float(count)) / float(count)
        factor = quotient(self.gain, float(count) * (variance + self.epsilon).sqrt())
        return normalized(count * value - total, factor).reshape(inputs[0].shape)
