"""Batch norms folded into the convolutions before them, to the bit as exporters of ONNX files fold them.

Such files have no batch norms any more, so a network that comes another way would be quantized from other weights. Both of
PyTorch's exporters compute in float32, in this order; so is it done here, and a network has one graph whichever way it comes.
Roots are the nearest floats, as the newer exporter takes them. The older one takes PyTorch's, which are off by a bit where their
library is Intel's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tvm_srq.graph.graph import PICTURE, Graph, Node
from tvm_srq.graph.normalize.any_size import without_unused


@dataclass(frozen=True)
class BatchNorm:
    """``(x - mean) * scale + offset``, each (C,) float32."""

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    offset: NDArray[np.float32]

    @staticmethod
    def of(gamma: NDArray, beta: NDArray, mean: NDArray, variance: NDArray, epsilon: float) -> BatchNorm:
        """Of a batch norm in evaluation mode; gamma and beta may be single numbers."""
        gamma, beta, mean, variance = (np.asarray(each, np.float32) for each in (gamma, beta, mean, variance))
        scale = gamma / np.sqrt(variance + np.float32(epsilon))
        return BatchNorm(mean, scale, np.broadcast_to(beta, mean.shape))

    def folded(self, weight: NDArray, bias: NDArray | None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """A convolution's weight (C, I, k, k) and bias with the batch norm behind it."""
        before = np.zeros_like(self.mean) if bias is None else bias
        return weight * self.scale[:, None, None, None], (before - self.mean) * self.scale + self.offset


def fold_batch_norms(graph: Graph, norms: Mapping[str, BatchNorm]) -> Graph:
    """The graph without those affine nodes, named by ``norms``, that alone read a convolution; that takes them in.

    A module that is applied again still has its parameters once, under the names that they had.
    """
    taking = {
        graph.node(node.inputs[0]).name: node for node in graph.nodes
        if node.name in norms and node.inputs[0] != PICTURE and graph.node(node.inputs[0]).operator == "convolution"
        and len(graph.readers[node.inputs[0]]) == 1
    }  # fmt: skip
    parameters, keys = dict(graph.parameters), {}
    for node in graph.convolutions():
        norm = taking.get(node.name)
        same = pair(node, norm)
        if norm is None or same in keys:
            continue
        alone = {pair(other, taking.get(other.name)) for other in graph.convolutions() if shares(other, node)} == {same}
        name = node.parameters["weight"].removesuffix(".weight") if alone else norm.name
        keys[same] = {role: f"{name}.{role}" for role in ("weight", "bias")}
        weight, bias = graph.parameter(node, "weight"), graph.parameter(node, "bias")
        assert weight is not None
        parameters.update(zip(keys[same].values(), norms[norm.name].folded(weight, bias), strict=True))
    moved = {norm.name: name for name, norm in taking.items()}
    nodes = []
    for node in graph.nodes:
        if node.name not in moved:
            own = keys[pair(node, taking[node.name])] if node.name in taking else node.parameters
            nodes.append(replace(node, inputs=tuple(moved.get(name, name) for name in node.inputs), parameters=own))
    return without_unused(replace(graph, nodes=tuple(nodes), parameters=parameters))


def pair(node: Node, norm: Node | None) -> tuple[tuple[str, str], ...]:
    """What tells a convolution and the batch norm that it takes in from others: their parameters."""
    return (*node.parameters.items(), *(norm.parameters.items() if norm else ()))


def shares(one: Node, other: Node) -> bool:
    return bool({*one.parameters.values()} & {*other.parameters.values()})
