"""Streams of one step side by side."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from tvm_srq.steps.step import Step


@dataclass(frozen=True, eq=False)
class Concat(Step):
    """The channels of all inputs, which have equal extents, one input after the other."""

    name: ClassVar[str] = "concat"

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._require(len({tuple(value.shape[1:]) for value in inputs}) == 1, "no inputs, or different extents")
        return torch.cat(inputs)
