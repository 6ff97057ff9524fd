"""Normalization by the mean and the deviation of all pixels of groups of channels; instance norm has a group for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional

from tvm_srq import steps
from tvm_srq.errors import UserError
from tvm_srq.operators.base import Operator, Size
from tvm_srq.operators.layer_norm import check_epsilon
from tvm_srq.steps.group_norm import MAX_CHANNELS

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Graph, Node
    from tvm_srq.lowering.lowering import Lowering


class GroupNorm(Operator):
    """``groups`` of neighbouring channels; ``epsilon`` is added to the variance; weight and bias are an affine node behind it."""

    name = "group_norm"
    attributes = frozenset({"groups", "epsilon"})

    def check(self, node: Node, graph: Graph) -> None:
        super().check(node, graph)
        check_epsilon(node)
        groups, channels = node.attributes.get("groups"), graph.channels[node.inputs[0]]
        if not isinstance(groups, int) or groups < 1 or channels % groups:
            raise UserError(f"node {node.name} has {groups} groups of {channels} channels: quantize the network again")

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        return functional.group_norm(inputs[0], node.attributes["groups"], eps=node.attributes["epsilon"])

    def lower(self, node: Node, lowering: Lowering) -> None:
        groups, source = node.attributes["groups"], lowering.step(node.inputs[0])
        width = lowering.graph.channels[node.name] // groups
        if width > MAX_CHANNELS:
            raise UserError(f"node {node.name} has groups of {width} channels: in integers they may have {MAX_CHANNELS}")
        step = steps.GroupNorm(groups, node.attributes["epsilon"] / (source * source), 1 / lowering.step(node.name))
        lowering.emit(node, step, [lowering.stream(node.inputs[0])])
