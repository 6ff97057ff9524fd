"""Rows below and columns to the right until height and width are multiples: what networks with strides ask of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional

from tvm_srq import steps
from tvm_srq.errors import UserError
from tvm_srq.extent import Extent
from tvm_srq.operators.base import Operator, Size
from tvm_srq.operators.pad import MODES

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Graph, Node
    from tvm_srq.lowering.lowering import Lowering


class PadToMultiple(Operator):
    """``mode`` as of :class:`tvm_srq.operators.pad.Pad`; ``multiple`` of rows and columns."""

    name = "pad_to_multiple"
    attributes = frozenset({"mode", "multiple"})
    keeps_values = True

    def check(self, node: Node, graph: Graph) -> None:
        super().check(node, graph)
        if node.attributes.get("mode") not in MODES:
            raise UserError(f"node {node.name} pads in an unknown way {dict(node.attributes)}")

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        below, right = (-length % node.attributes["multiple"] for length in inputs[0].shape[2:])
        return functional.pad(inputs[0], [0, right, 0, below], MODES[node.attributes["mode"]])

    def extent(self, node: Node, inputs: list[Extent]) -> Extent:
        multiple = node.attributes["multiple"]
        return inputs[0].then(1, multiple - 1, multiple).then(multiple)

    def lower(self, node: Node, lowering: Lowering) -> None:
        step = steps.PadToMultiple(node.attributes["multiple"], node.attributes["mode"])
        lowering.emit(node, step, [lowering.stream(node.inputs[0])])
