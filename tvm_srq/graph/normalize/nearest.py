"""Pixels repeated twice made one repetition."""

from __future__ import annotations

from tvm_srq.graph.graph import Graph
from tvm_srq.graph.normalize.rewriting import Rewriting


def join_nearest(graph: Graph) -> Graph:
    """Nearest-neighbour upsampling of upsampling, where nothing else reads the first."""
    rewriting = Rewriting(graph)
    for node in rewriting:
        inner = rewriting.producer(node.inputs[0], "nearest")
        if node.operator == "nearest" and inner is not None and rewriting.read_once(inner.name):
            factor = node.attributes["factor"] * inner.attributes["factor"]
            rewriting.change(node, "nearest", inner.inputs, {"factor": factor})
    return rewriting.result()
