"""A factor and an offset per channel: batch norm, mean shifts, scalars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from tvm_srq import affine
from tvm_srq.operators.base import Operator, Size, check_per_channel, flat

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Graph, Node
    from tvm_srq.lowering.lowering import Lowering


class Affine(Operator):
    """``multiplier`` and ``offset`` are float64, (C,) or (1,); they take part as float32 in floats, in float64 when lowered."""

    name = "affine"
    parameters = frozenset({"multiplier", "offset"})

    def check(self, node: Node, graph: Graph) -> None:
        super().check(node, graph)
        check_per_channel(node, graph)

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        multiplier, offset = (flat(parameters[role].to(inputs[0].dtype)) for role in ("multiplier", "offset"))
        return inputs[0] * multiplier + offset

    def map(self, node: Node, graph: Graph) -> affine.Affine:
        """The node as a map of (C,) float64."""
        multiplier, offset = (graph.parameter(node, role) for role in ("multiplier", "offset"))
        return affine.Affine.of(multiplier, offset, graph.channels[node.name])

    def lower(self, node: Node, lowering: Lowering) -> None:
        source, step = node.inputs[0], lowering.step(node.name)
        this = self.map(node, lowering.graph)
        multiplier = this.multiplier * (lowering.step(source) / step)
        lowering.emit_scale(node, multiplier, multiplier, np.rint(this.offset / step))
