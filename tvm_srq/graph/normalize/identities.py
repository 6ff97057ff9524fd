"""Nodes that change nothing, left out."""

from __future__ import annotations

import numpy as np

from tvm_srq.graph.graph import Graph, Node
from tvm_srq.graph.normalize.rewriting import Rewriting


def drop_identities(graph: Graph) -> Graph:
    """Affine maps of factor 1 and offset 0, all channels selected in order, factors of 1, bounds that are none, whole crops."""
    rewriting = Rewriting(graph)
    for node in rewriting:
        if changes_nothing(node, graph):
            rewriting.move(node, node.inputs[0])
    return rewriting.result()


def changes_nothing(node: Node, graph: Graph) -> bool:
    """Whether a node's result is its input."""
    attributes, source = node.attributes, node.inputs[0]
    if node.operator == "affine":
        multiplier, offset = (np.asarray(graph.parameter(node, role)) for role in ("multiplier", "offset"))
        return bool((multiplier == 1).all() and (offset == 0).all())
    if node.operator == "select":
        return attributes["channels"] == list(range(graph.channels[source]))
    if node.operator in ("nearest", "pixel_shuffle", "pixel_unshuffle"):
        return attributes["factor"] == 1
    if node.operator == "clamp":
        return attributes.get("low") is None and attributes.get("high") is None
    if node.operator == "subsample":
        return (attributes["start"], attributes["stride"], attributes["cut"]) == (0, 1, 0)
    if node.operator == "pad":
        return attributes["before"] == attributes["after"] == 0
    if node.operator == "crop":
        return attributes["start"] == 0 and graph.extents[node.name] == graph.extents[source]
    return node.operator == "concat" and len(node.inputs) == 1
