"""Some channels of a value, in an order: a split's part, or a channel shuffle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from tvm_srq import steps
from tvm_srq.errors import UserError
from tvm_srq.operators.base import Operator, Size

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Graph, Node
    from tvm_srq.lowering.lowering import Lowering


class Select(Operator):
    """``channels``: indices of the input's channels."""

    name = "select"
    attributes = frozenset({"channels"})
    keeps_values = True

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        channels = node.attributes["channels"]
        first, last = channels[0], channels[-1] + 1
        if channels == list(range(first, last)):
            return inputs[0][:, first:last]
        return inputs[0][:, channels]

    def channels(self, node: Node, inputs: list[int], graph: Graph) -> int:
        chosen = node.attributes["channels"]
        if not chosen or not all(isinstance(c, int) and 0 <= c < inputs[0] for c in chosen):
            raise UserError(f"node {node.name} selects channels that are not there: quantize the network again")
        return len(chosen)

    def lower(self, node: Node, lowering: Lowering) -> None:
        lowering.emit(node, steps.Select(tuple(node.attributes["channels"])), [lowering.stream(node.inputs[0])])
