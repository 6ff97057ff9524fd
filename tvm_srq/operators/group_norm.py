"""Normalization by the mean and the deviation of all pixels of groups of channels; instance norm has a group for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional

from tvm_srq.errors import UserError
from tvm_srq.operators.base import Operator, Size

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Graph, Node
    from tvm_srq.lowering.lowering import Lowering


class GroupNorm(Operator):
    """``groups`` of neighbouring channels; ``epsilon`` is added to the variance; weight and bias are an affine node behind it."""

    name = "group_norm"
    in_integers = False
    attributes = frozenset({"groups", "epsilon"})

    def check(self, node: Node, graph: Graph) -> None:
        super().check(node, graph)
        groups, channels = node.attributes.get("groups"), graph.channels[node.inputs[0]]
        if not isinstance(groups, int) or groups < 1 or channels % groups:
            raise UserError(f"node {node.name} has {groups} groups of {channels} channels: quantize the network again")

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        return functional.group_norm(inputs[0], node.attributes["groups"], eps=node.attributes["epsilon"])

    def lower(self, node: Node, lowering: Lowering) -> None:
        raise UserError(f"node {node.name} normalizes by the whole picture (group norm), which has no integer form")
