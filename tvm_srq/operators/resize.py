"""Bilinear and bicubic resizing, by a whole factor or to the size of another value; in integers by exact rational positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional

from tvm_srq import steps
from tvm_srq.errors import UserError
from tvm_srq.extent import Extent
from tvm_srq.operators.base import Operator, Size

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Graph, Node
    from tvm_srq.lowering.lowering import Lowering

MODES = {"linear": "bilinear", "cubic": "bicubic"}
COORDINATES = ("half_pixel", "align_corners")


class Resize(Operator):
    """``mode`` linear or cubic; ``coordinates`` half_pixel or align_corners; ``extent``: the result's, as terms of Extent."""

    name = "resize"
    attributes = frozenset({"mode", "coordinates", "extent"})
    keeps_values = True

    def check(self, node: Node, graph: Graph) -> None:
        super().check(node, graph)
        if node.attributes.get("mode") not in MODES or node.attributes.get("coordinates") not in COORDINATES:
            raise UserError(f"node {node.name} resizes in an unknown way {dict(node.attributes)}")

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        align = node.attributes["coordinates"] == "align_corners"
        return functional.interpolate(inputs[0], size, mode=MODES[node.attributes["mode"]], align_corners=align)

    def extent(self, node: Node, inputs: list[Extent]) -> Extent:
        return Extent.of(node.attributes["extent"])

    def lower(self, node: Node, lowering: Lowering) -> None:
        step = steps.Resize(node.attributes["mode"], node.attributes["coordinates"])
        lowering.emit(node, step, [lowering.stream(node.inputs[0])])
