"""The mean of all pixels, channel by channel: one pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from tvm_srq import steps
from tvm_srq.extent import ONE, Extent
from tvm_srq.operators.base import Operator, Size

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Node
    from tvm_srq.lowering.lowering import Lowering

FINEST = 8  # means are kept at most this many bits finer than what they are the means of


def finer(source: float, wanted: float, most: int) -> int:
    """By how many bits, ``most`` at most, a step can be halved without getting finer than the one that is wanted."""
    return next((bits for bits in range(most, 0, -1) if source / 2**bits >= wanted * (1 - 1e-6)), 0)


class GlobalAverage(Operator):
    name = "global_average"

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        return inputs[0].mean((2, 3), keepdim=True)

    def extent(self, node: Node, inputs: list[Extent]) -> Extent:
        return ONE

    def lower(self, node: Node, lowering: Lowering) -> None:
        """Means of a small range are kept finer than their terms, by a power of two."""
        source, wanted = lowering.step(node.inputs[0]), lowering.step(node.name)
        shift = finer(source, wanted, FINEST)
        made = lowering.emit(node, steps.GlobalAverage(shift), [lowering.stream(node.inputs[0])], last=False)
        lowering.finish_at(node, made, source / 2**shift)
