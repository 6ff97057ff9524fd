"""Values side by side along the channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tvm_srq import steps
from tvm_srq.operators.base import Operator, Size, check_side_by_side

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Graph, Node
    from tvm_srq.lowering.lowering import Lowering


class Concat(Operator):
    name = "concat"
    arity = None

    def check(self, node: Node, graph: Graph) -> None:
        super().check(node, graph)
        check_side_by_side(node, graph)

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        return torch.cat(inputs, 1)

    def channels(self, node: Node, inputs: list[int], graph: Graph) -> int:
        return sum(inputs)

    def lower(self, node: Node, lowering: Lowering) -> None:
        step = lowering.step(node.name)
        lowering.emit(node, steps.Concat(), [lowering.stream_of_step(name, step) for name in node.inputs])
