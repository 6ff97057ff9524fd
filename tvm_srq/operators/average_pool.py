"""The mean of a window; what lies outside of the map counts as zeros."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional

from tvm_srq import steps
from tvm_srq.extent import Extent
from tvm_srq.operators.base import Operator, Size
from tvm_srq.operators.max_pool import pooled

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Node
    from tvm_srq.lowering.lowering import Lowering


class AveragePool(Operator):
    """A square window: ``kernel``, ``stride``, ``padding``."""

    name = "average_pool"
    attributes = frozenset({"kernel", "stride", "padding"})
    keeps_values = True

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        return functional.avg_pool2d(inputs[0], **{f"{n}_size" if n == "kernel" else n: v for n, v in node.attributes.items()})

    def extent(self, node: Node, inputs: list[Extent]) -> Extent:
        return pooled(node, inputs[0])

    def lower(self, node: Node, lowering: Lowering) -> None:
        lowering.emit(node, steps.AveragePool(**node.attributes), [lowering.stream(node.inputs[0])])
