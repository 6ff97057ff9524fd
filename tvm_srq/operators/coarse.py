"""Values rounded to a coarse grid: what 8 bits hold of a value that they cannot hold whole (quant.fitting.two_parts)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from tvm_srq import steps
from tvm_srq.errors import UserError
from tvm_srq.operators.base import Operator, Size

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Graph, Node
    from tvm_srq.lowering.lowering import Lowering


class Coarse(Operator):
    """``step``: results are its multiples."""

    name = "coarse"
    attributes = frozenset({"step"})

    def check(self, node: Node, graph: Graph) -> None:
        super().check(node, graph)
        step = node.attributes["step"]
        if type(step) is not float or not 0 < step < np.inf:
            raise UserError(f"node {node.name} rounds to multiples of {step}: quantize the network again")

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        return (inputs[0] / node.attributes["step"]).round() * node.attributes["step"]

    def lower(self, node: Node, lowering: Lowering) -> None:
        """Which multiple is nearest, then that in the stream's steps."""
        source, step = node.inputs[0], node.attributes["step"]
        ratio = np.full(lowering.graph.channels[node.name], lowering.step(source) / step, np.float32)
        multiple = steps.Scale(ratio, ratio, np.zeros(len(ratio), np.int32))
        lowering.finish_at(node, lowering.emit(node, multiple, [lowering.stream(source)], last=False), step)
