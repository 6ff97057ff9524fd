"""Channels selected of selected channels, and the picture's colours in another order."""

from __future__ import annotations

import numpy as np

from tvm_srq.graph.graph import PICTURE, Graph
from tvm_srq.graph.normalize.rewriting import Rewriting


def join_selects(graph: Graph) -> Graph:
    """A selection of a selection, where nothing else reads the first."""
    rewriting = Rewriting(graph)
    for node in rewriting:
        inner = rewriting.producer(node.inputs[0], "select")
        if node.operator == "select" and inner is not None and rewriting.read_once(inner.name):
            channels = [inner.attributes["channels"][channel] for channel in node.attributes["channels"]]
            rewriting.change(node, "select", inner.inputs, {"channels": channels})
    return rewriting.result()


def select_by_weights(graph: Graph) -> Graph:
    """A convolution of some of the picture's colours, in some order (BGR networks), is one of the picture with weights moved."""
    rewriting = Rewriting(graph)
    for node in rewriting:
        select = rewriting.producer(node.inputs[0], "select")
        if node.operator != "convolution" or select is None or select.inputs[0] != PICTURE or node.attributes["groups"] != 1:
            continue
        weight = rewriting.parameters[node.parameters["weight"]]
        moved = np.zeros((weight.shape[0], graph.picture.channels, *weight.shape[2:]), weight.dtype)
        for position, channel in enumerate(select.attributes["channels"]):
            moved[:, channel] += weight[:, position]
        rewriting.change(
            node, "convolution", (PICTURE,), node.attributes, weight=moved, bias=node.parameters.get("bias")
        )
    return rewriting.result()
