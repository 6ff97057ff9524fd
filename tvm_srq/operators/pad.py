"""Rows and columns around a map: zeros, its mirror image, or its border repeated."""

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

MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate"}


class Pad(Operator):
    """``mode`` zeros, reflect or replicate; ``before`` and ``after``: rows above and below, columns to the left and right."""

    name = "pad"
    attributes = frozenset({"mode", "before", "after"})
    keeps_values = True

    def check(self, node: Node, graph: Graph) -> None:
        super().check(node, graph)
        if node.attributes.get("mode") not in MODES:
            raise UserError(f"node {node.name} pads in an unknown way {dict(node.attributes)}")

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        before, after = node.attributes["before"], node.attributes["after"]
        return functional.pad(inputs[0], [before, after, before, after], MODES[node.attributes["mode"]])

    def extent(self, node: Node, inputs: list[Extent]) -> Extent:
        return inputs[0].then(1, node.attributes["before"] + node.attributes["after"])

    def lower(self, node: Node, lowering: Lowering) -> None:
        before, after = node.attributes["before"], node.attributes["after"]
        step = steps.Pad(node.attributes["mode"], top=before, bottom=after, left=before, right=after)
        lowering.emit(node, step, [lowering.stream(node.inputs[0])])
