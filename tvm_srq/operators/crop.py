"""A window of a map."""

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


class Crop(Operator):
    """From row and column ``start`` on, as many as ``extent`` (terms of :class:`Extent`, from the picture's size) says."""

    name = "crop"
    attributes = frozenset({"start", "extent"})
    keeps_values = True

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        start = node.attributes["start"]
        return inputs[0][:, :, start : start + size[0], start : start + size[1]]

    def extent(self, node: Node, inputs: list[Extent]) -> Extent:
        return Extent.of(node.attributes["extent"])

    def lower(self, node: Node, lowering: Lowering) -> None:
        start = node.attributes["start"]
        lowering.emit(node, steps.Crop(start, start), [lowering.stream(node.inputs[0])])
