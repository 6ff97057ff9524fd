"""Layer normalization over the channels of each pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from tvm_srq.errors import UserError
from tvm_srq.operators.base import Operator, Size

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Node
    from tvm_srq.lowering.lowering import Lowering


class LayerNorm(Operator):
    """``epsilon`` is added to the variance; weight and bias are an affine node behind it."""

    name = "layer_norm"
    in_integers = False
    attributes = frozenset({"epsilon"})

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        centered = inputs[0] - inputs[0].mean(1, keepdim=True)
        variance = centered.square().mean(1, keepdim=True)
        return centered / (variance + node.attributes["epsilon"]).sqrt()

    def lower(self, node: Node, lowering: Lowering) -> None:
        raise UserError(f"node {node.name} normalizes over channels (layer norm), which has no integer form")
