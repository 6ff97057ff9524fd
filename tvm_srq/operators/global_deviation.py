"""The standard deviation of all pixels, channel by channel: one pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from tvm_srq import steps
from tvm_srq.errors import UserError
from tvm_srq.extent import ONE, Extent
from tvm_srq.operators.base import Operator, Size
from tvm_srq.operators.global_average import finer
from tvm_srq.steps.global_deviation import MAX_SHIFT

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Graph, Node
    from tvm_srq.lowering.lowering import Lowering


class GlobalDeviation(Operator):
    """``correction`` is taken from the number of pixels that squares are divided by: 0, or 1, PyTorch's usual way.

    In integers it is 0: over a picture's pixels the difference is less than the rounding.
    """

    name = "global_deviation"
    attributes = frozenset({"correction"})
    optional = frozenset({"correction"})

    def check(self, node: Node, graph: Graph) -> None:
        super().check(node, graph)
        if node.attributes.get("correction", 0) not in (0, 1):
            raise UserError(f"node {node.name} has the correction {node.attributes['correction']}: quantize the network again")

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        return inputs[0].var((2, 3), correction=node.attributes.get("correction", 0), keepdim=True).sqrt()

    def extent(self, node: Node, inputs: list[Extent]) -> Extent:
        return ONE

    def lower(self, node: Node, lowering: Lowering) -> None:
        source = lowering.step(node.inputs[0])
        shift = finer(source, lowering.step(node.name), MAX_SHIFT)
        made = lowering.emit(node, steps.GlobalDeviation(shift), [lowering.stream(node.inputs[0])], last=False)
        lowering.finish_at(node, made, source / 2**shift)
