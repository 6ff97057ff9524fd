"""Channels become pixels: (C * r * r, H, W) -> (C, r * H, r * W), as torch orders them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional

from tvm_srq import steps
from tvm_srq.extent import Extent
from tvm_srq.operators.base import Operator, Size

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Graph, Node
    from tvm_srq.lowering.lowering import Lowering


class PixelShuffle(Operator):
    name = "pixel_shuffle"
    attributes = frozenset({"factor"})
    keeps_values = True

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        return functional.pixel_shuffle(inputs[0], node.attributes["factor"])

    def channels(self, node: Node, inputs: list[int], graph: Graph) -> int:
        return inputs[0] // node.attributes["factor"] ** 2

    def extent(self, node: Node, inputs: list[Extent]) -> Extent:
        return inputs[0].then(node.attributes["factor"])

    def lower(self, node: Node, lowering: Lowering) -> None:
        lowering.emit(node, steps.PixelShuffle(node.attributes["factor"]), [lowering.stream(node.inputs[0])])
