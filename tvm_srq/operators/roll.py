"""Rows and columns moved around: what leaves on one side comes in on the other. Shifted windows are that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tvm_srq import steps
from tvm_srq.errors import UserError
from tvm_srq.operators.base import LARGEST, Operator, Size

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Graph, Node
    from tvm_srq.lowering.lowering import Lowering


class Roll(Operator):
    """``rows`` and ``columns``: how far down and to the right."""

    name = "roll"
    attributes = frozenset({"rows", "columns"})
    keeps_values = True

    def check(self, node: Node, graph: Graph) -> None:
        super().check(node, graph)
        if not all(type(moved) is int and abs(moved) <= LARGEST for moved in node.attributes.values()):
            raise UserError(f"node {node.name} moves by {dict(node.attributes)}: quantize the network again")

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        return torch.roll(inputs[0], (node.attributes["rows"], node.attributes["columns"]), (2, 3))

    def lower(self, node: Node, lowering: Lowering) -> None:
        step = steps.Roll(node.attributes["rows"], node.attributes["columns"])
        lowering.emit(node, step, [lowering.stream(node.inputs[0])])
