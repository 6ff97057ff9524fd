"""Bilinear and bicubic resizing, by a whole factor or to the size of another value; in integers by exact rational positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from tvm_srq import steps
from tvm_srq.errors import UserError
from tvm_srq.extent import Extent
from tvm_srq.operators.base import Operator, Size
from tvm_srq.steps.resize import COORDINATES

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Graph, Node
    from tvm_srq.lowering.lowering import Lowering

MODES = {"linear": "bilinear", "cubic": "bicubic"}
SHARPNESS = -0.75  # of cubic curves, as PyTorch has it


class Resize(Operator):
    """``mode`` linear or cubic; ``coordinates`` as the step's; ``extent``: the result's, as terms of Extent."""

    name = "resize"
    attributes = frozenset({"mode", "coordinates", "extent"})
    keeps_values = True

    def check(self, node: Node, graph: Graph) -> None:
        super().check(node, graph)
        if node.attributes.get("mode") not in MODES or node.attributes.get("coordinates") not in COORDINATES:
            raise UserError(f"node {node.name} resizes in an unknown way {dict(node.attributes)}")

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        if node.attributes["coordinates"] == "asymmetric":
            return along(along(inputs[0], 2, size[0], node.attributes["mode"]), 3, size[1], node.attributes["mode"])
        align = node.attributes["coordinates"] == "align_corners"
        return functional.interpolate(inputs[0], size, mode=MODES[node.attributes["mode"]], align_corners=align)

    def extent(self, node: Node, inputs: list[Extent]) -> Extent:
        return Extent.of(node.attributes["extent"])

    def lower(self, node: Node, lowering: Lowering) -> None:
        step = steps.Resize(node.attributes["mode"], node.attributes["coordinates"])
        lowering.emit(node, step, [lowering.stream(node.inputs[0])])


def along(value: Tensor, axis: int, count: int, mode: str) -> Tensor:
    """``count`` values along an axis of (N, C, H, W), output y at y * n_in / n_out, which PyTorch does not have."""
    size = value.shape[axis]
    places = torch.arange(count) * size
    first = places // count
    t = (places - first * count).to(value.dtype) / count
    begin, weights = (0, [1 - t, t]) if mode == "linear" else (-1, cubic_weights(t))
    shape = [-1 if place == axis else 1 for place in range(4)]
    rows = [value.index_select(axis, (first + begin + i).clamp(0, size - 1)) for i in range(len(weights))]
    return torch.stack([row * weight.view(shape) for row, weight in zip(rows, weights, strict=True)]).sum(0)


def cubic_weights(t: Tensor) -> list[Tensor]:
    """Of the four neighbours of a position ``t`` behind the second one."""
    outer, inner = (
        [f(d) for d in distances] for f, distances in (
            (lambda d: SHARPNESS * (((d - 5) * d + 8) * d - 4), (1 + t, 2 - t)),
            (lambda d: ((SHARPNESS + 2) * d - (SHARPNESS + 3)) * d * d + 1, (t, 1 - t)),
        )
    )  # fmt: skip
    return [outer[0], *inner, outer[1]]
