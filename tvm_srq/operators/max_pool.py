"""The largest value of a window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional

from tvm_srq import steps
from tvm_srq.extent import Extent
from tvm_srq.operators.base import Operator, Size

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Node
    from tvm_srq.lowering.lowering import Lowering


def pooled(node: Node, extent: Extent) -> Extent:
    """The extent behind a window of ``kernel`` at every ``stride``, borders of ``padding`` before and after."""
    kernel, stride, padding = (node.attributes[name] for name in ("kernel", "stride", "padding"))
    return extent.then(1, 2 * padding - kernel + stride, stride)


class MaxPool(Operator):
    """A square window: ``kernel``, ``stride``, ``padding``."""

    name = "max_pool"
    attributes = frozenset({"kernel", "stride", "padding"})
    keeps_values = True

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        return functional.max_pool2d(inputs[0], **{f"{n}_size" if n == "kernel" else n: v for n, v in node.attributes.items()})

    def extent(self, node: Node, inputs: list[Extent]) -> Extent:
        return pooled(node, inputs[0])

    def lower(self, node: Node, lowering: Lowering) -> None:
        lowering.emit(node, steps.MaxPool(**node.attributes), [lowering.stream(node.inputs[0])])
