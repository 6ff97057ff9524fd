"""The product of two values, as gates and channel attention have it; one may be a single pixel or a single channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from tvm_srq import steps
from tvm_srq.errors import UserError
from tvm_srq.extent import Extent
from tvm_srq.operators.base import Operator, Size, check_side_by_side

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Graph, Node
    from tvm_srq.lowering.lowering import Lowering


class Multiply(Operator):
    name = "multiply"
    arity = 2

    def check(self, node: Node, graph: Graph) -> None:
        super().check(node, graph)
        check_side_by_side(node, graph)
        channels = {graph.channels[name] for name in node.inputs if graph.channels[name] > 1}
        if len(channels) > 1:
            raise UserError(f"node {node.name} multiplies values of {sorted(channels)} channels: quantize the network again")

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        return inputs[0] * inputs[1]

    def channels(self, node: Node, inputs: list[int], graph: Graph) -> int:
        return max(inputs)

    def extent(self, node: Node, inputs: list[Extent]) -> Extent:
        return inputs[1] if inputs[0].one else inputs[0]

    def lower(self, node: Node, lowering: Lowering) -> None:
        extents, channels = lowering.graph.extents, lowering.graph.channels
        first, second = sorted(node.inputs, key=lambda name: (extents[name].one, -channels[name]))
        ratio = lowering.step(first) * lowering.step(second) / lowering.step(node.name)
        alike = channels[first] == channels[second]
        broadcast = "pixel" if lowering.is_broadcast(second, node) else "none" if alike else "channel"
        step = steps.Multiply(float(np.float32(ratio)), broadcast)
        lowering.emit(node, step, [lowering.stream(first), lowering.stream(second)])
