"""Layer normalization over the channels of each pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from tvm_srq import steps
from tvm_srq.errors import UserError
from tvm_srq.operators.base import Operator, Size
from tvm_srq.steps.layer_norm import MAX_CHANNELS

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Graph, Node
    from tvm_srq.lowering.lowering import Lowering


class LayerNorm(Operator):
    """``epsilon`` is added to the variance; weight and bias are an affine node behind it."""

    name = "layer_norm"
    attributes = frozenset({"epsilon"})

    def check(self, node: Node, graph: Graph) -> None:
        super().check(node, graph)
        check_epsilon(node)

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        centered = inputs[0] - inputs[0].mean(1, keepdim=True)
        variance = centered.square().mean(1, keepdim=True)
        return centered / (variance + node.attributes["epsilon"]).sqrt()

    def lower(self, node: Node, lowering: Lowering) -> None:
        channels, source = lowering.graph.channels[node.name], lowering.step(node.inputs[0])
        if channels > MAX_CHANNELS:
            raise UserError(f"node {node.name} normalizes over {channels} channels: in integers there may be {MAX_CHANNELS}")
        unit = channels / source  # squared by a product: powers are not rounded alike everywhere
        step = steps.LayerNorm(node.attributes["epsilon"] * (unit * unit), 1 / lowering.step(node.name))
        lowering.emit(node, step, [lowering.stream(node.inputs[0])])


def check_epsilon(node: Node) -> None:
    """Raises UserError where what is added to a variance is no finite number from 0."""
    epsilon = node.attributes["epsilon"]
    if not isinstance(epsilon, int | float) or not 0 <= epsilon < float("inf"):
        raise UserError(f"node {node.name} adds {epsilon} to a variance: quantize the network again")
