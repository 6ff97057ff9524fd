"""Every pixel repeated: nearest-neighbour upsampling by a whole factor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from tvm_srq import steps
from tvm_srq.extent import Extent
from tvm_srq.operators.base import Operator, Size

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Node
    from tvm_srq.lowering.lowering import Lowering


class Nearest(Operator):
    name = "nearest"
    attributes = frozenset({"factor"})
    keeps_values = True

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        factor = node.attributes["factor"]
        return inputs[0].repeat_interleave(factor, 2).repeat_interleave(factor, 3)

    def extent(self, node: Node, inputs: list[Extent]) -> Extent:
        return inputs[0].then(node.attributes["factor"])

    def lower(self, node: Node, lowering: Lowering) -> None:
        lowering.emit(node, steps.Nearest(node.attributes["factor"]), [lowering.stream(node.inputs[0])])
