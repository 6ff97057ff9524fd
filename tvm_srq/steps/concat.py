"""Streams, or parts of streams, side by side."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tvm_srq.steps.arithmetic import floats, rescale
from tvm_srq.steps.step import Step


@dataclass(frozen=True, eq=False)
class Concat(Step):
    """The channels of all inputs, which have equal extents, one input after the other; with ``ratios``, channels
    ``firsts[i]`` to ``firsts[i] + counts[i]`` of input i, rescale(s, ratios[i]) where that is not 1.

    Attributes:
        firsts, counts: of each input, the first channel that is read and how many; empty for all.
        ratios: of each input, float32, its step over the output's; empty for ones.
    """

    name: ClassVar[str] = "concat"
    firsts: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
    ratios: NDArray[np.float32] | tuple = ()

    def __post_init__(self) -> None:
        self._set(firsts=tuple(map(int, self.firsts)), counts=tuple(map(int, self.counts)), ratios=floats(self.ratios, "ratios"))
        self._require(len(self.firsts) == len(self.counts) == len(self.ratios), "parts of different numbers")
        self._require(all(first >= 0 for first in self.firsts) and all(count > 0 for count in self.counts), "no such channels")

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._require(len({tuple(value.shape[1:]) for value in inputs}) == 1, "no inputs, or different extents")
        if not self.counts:
            return torch.cat(inputs)
        self._expect_inputs(inputs, len(self.counts))
        parts = []
        for value, first, count, ratio in zip(inputs, self.firsts, self.counts, self.ratios, strict=True):
            self._require(first + count <= len(value), f"channels {first} to {first + count} of {len(value)}")
            part = value[first : first + count]
            parts.append(part if ratio == 1 else rescale(part, float(ratio)))
        return torch.cat(parts)
