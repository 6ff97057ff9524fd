"""A convolution that keeps height and width: odd square kernel, stride 1, zeros around the map.

Every other convolution is this one with zeros in its kernel, before or behind a step that places pixels (graph.convolutions).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional

from tvm_srq.errors import UserError
from tvm_srq.operators.base import Operator, Size

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Graph, Node
    from tvm_srq.lowering.lowering import Lowering


class Convolution(Operator):
    """``weight`` (O, I / groups, k, k) and, perhaps, ``bias`` (O,)."""

    name = "convolution"
    attributes = frozenset({"groups"})
    parameters = frozenset({"weight", "bias"})
    optional = frozenset({"bias"})

    def check(self, node: Node, graph: Graph) -> None:
        super().check(node, graph)
        weight, bias = graph.parameter(node, "weight"), graph.parameter(node, "bias")
        groups, inputs = node.attributes["groups"], graph.channels[node.inputs[0]]
        valid = weight is not None and weight.ndim == 4 and weight.shape[2] == weight.shape[3] and weight.shape[2] % 2 == 1
        if valid:
            assert weight is not None
            fits = weight.shape[1] * groups == inputs and len(weight) % groups == 0
            valid = fits and (bias is None or bias.shape == weight.shape[:1])
        if not valid:
            raise UserError(f"node {node.name} is no valid convolution of {inputs} channels: quantize the network again")

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        weight = parameters["weight"]
        return functional.conv2d(
            inputs[0], weight, parameters.get("bias"), padding=weight.shape[2] // 2, groups=node.attributes["groups"]
        )

    def channels(self, node: Node, inputs: list[int], graph: Graph) -> int:
        weight = graph.parameter(node, "weight")
        assert weight is not None
        return len(weight)

    def lower(self, node: Node, lowering: Lowering) -> None:
        lowering.convolution(node)
