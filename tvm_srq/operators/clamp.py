"""Values kept between bounds: clamp, Hardtanh, ReLU6."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from tvm_srq.errors import UserError
from tvm_srq.operators.base import Operator, Size
from tvm_srq.requantize import STREAM_MAX, STREAM_MIN

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Graph, Node
    from tvm_srq.lowering.lowering import Lowering


class Clamp(Operator):
    """``low`` and ``high``: numbers, or None where there is no bound."""

    name = "clamp"
    attributes = frozenset({"low", "high"})
    optional = frozenset({"low", "high"})
    keeps_values = True

    def check(self, node: Node, graph: Graph) -> None:
        super().check(node, graph)
        if not all(bound is None or type(bound) in (int, float) and not math.isnan(bound) for bound in node.attributes.values()):
            raise UserError(f"node {node.name} has bounds that are no numbers: quantize the network again")

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        return inputs[0].clamp(*self.bounds(node))

    def bounds(self, node: Node) -> tuple[float, float]:
        low, high = node.attributes.get("low"), node.attributes.get("high")
        return -math.inf if low is None else float(low), math.inf if high is None else float(high)

    def lower(self, node: Node, lowering: Lowering) -> None:
        step = lowering.step(node.name)
        low, high = (int(np.clip(np.rint(bound / step), STREAM_MIN, STREAM_MAX)) for bound in self.bounds(node))
        ratio = np.full(lowering.graph.channels[node.name], lowering.step(node.inputs[0]) / step)
        lowering.emit_scale(node, ratio, ratio, np.zeros(len(ratio)), low, high)
