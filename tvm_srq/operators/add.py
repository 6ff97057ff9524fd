"""Addition of two values; one may be a single pixel, which is added everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from tvm_srq import steps
from tvm_srq.errors import UserError
from tvm_srq.extent import Extent
from tvm_srq.operators.base import Operator, Size, check_side_by_side

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Graph, Node
    from tvm_srq.lowering.lowering import Lowering


class Add(Operator):
    name = "add"
    arity = 2
    keeps_values = True

    def check(self, node: Node, graph: Graph) -> None:
        super().check(node, graph)
        check_side_by_side(node, graph)
        channels = {graph.channels[name] for name in node.inputs}
        if len(channels) > 1:
            raise UserError(f"node {node.name} adds values of {sorted(channels)} channels: quantize the network again")

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        return inputs[0] + inputs[1]

    def channels(self, node: Node, inputs: list[int], graph: Graph) -> int:
        return max(inputs)

    def extent(self, node: Node, inputs: list[Extent]) -> Extent:
        return inputs[1] if inputs[0].one else inputs[0]

    def lower(self, node: Node, lowering: Lowering) -> None:
        first, second = sorted(node.inputs, key=lambda name: lowering.graph.extents[name].one)  # what is broadcast comes second
        step = lowering.step(node.name)
        single = "b" if lowering.is_broadcast(second, node) else "none"
        this = steps.Add(lowering.ratio(first, step), lowering.ratio(second, step), single)
        lowering.emit(node, this, [lowering.stream(first), lowering.stream(second)])
