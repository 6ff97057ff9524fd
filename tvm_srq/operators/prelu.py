"""PReLU per channel; ReLU and LeakyReLU are its slopes 0 and a constant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tvm_srq.operators.base import Operator, Size, check_per_channel

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Graph, Node
    from tvm_srq.lowering.lowering import Lowering


class PReLU(Operator):
    """``slope`` of negative values, (C,) or (1,)."""

    name = "prelu"
    parameters = frozenset({"slope"})
    keeps_values = True

    def check(self, node: Node, graph: Graph) -> None:
        super().check(node, graph)
        check_per_channel(node, graph)

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        slope = parameters["slope"].to(inputs[0].dtype)
        if not slope.any():
            return functional.relu(inputs[0])
        return functional.prelu(inputs[0], slope)

    def slope(self, node: Node, graph: Graph) -> NDArray[np.float64]:
        """(C,) float64."""
        slope = graph.parameter(node, "slope")
        assert slope is not None
        return np.broadcast_to(slope.astype(np.float64), graph.channels[node.name]).copy()

    def lower(self, node: Node, lowering: Lowering) -> None:
        ratio = lowering.step(node.inputs[0]) / lowering.step(node.name)
        slope = self.slope(node, lowering.graph)
        lowering.emit_scale(node, np.full(len(slope), ratio), slope * ratio, np.zeros(len(slope)))
