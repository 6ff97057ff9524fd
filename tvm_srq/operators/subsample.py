"""Every n-th pixel: behind a convolution of stride 1 it makes one of stride n."""

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


class Subsample(Operator):
    """Rows and columns ``start``, ``start + stride``, .. ; the last ``cut`` rows and columns do not count."""

    name = "subsample"
    attributes = frozenset({"start", "stride", "cut"})
    keeps_values = True

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        start, stride, cut = (node.attributes[name] for name in ("start", "stride", "cut"))
        height, width = inputs[0].shape[2:]
        return inputs[0][:, :, start : height - cut : stride, start : width - cut : stride]

    def extent(self, node: Node, inputs: list[Extent]) -> Extent:
        start, stride, cut = (node.attributes[name] for name in ("start", "stride", "cut"))
        return inputs[0].then(1, stride - 1 - start - cut, stride)

    def lower(self, node: Node, lowering: Lowering) -> None:
        step = steps.Subsample(node.attributes["start"], node.attributes["stride"])
        lowering.emit(node, step, [lowering.stream(node.inputs[0])])
