"""Zeros around a map that a convolution puts there anyway."""

from __future__ import annotations

from tvm_srq.graph.graph import Graph
from tvm_srq.graph.normalize.rewriting import Rewriting


def drop_zeros_around(graph: Graph) -> Graph:
    """``pad`` with zeros, a convolution, and the border cut off again: the convolution sees zeros there without."""
    rewriting = Rewriting(graph)
    for node in rewriting:
        convolution = rewriting.producer(node.inputs[0], "convolution")
        if node.operator != "subsample" or convolution is None:
            continue
        pad = rewriting.producer(convolution.inputs[0], "pad", mode="zeros")
        if pad is None or not rewriting.read_once(convolution.name) or not rewriting.read_once(pad.name):
            continue
        start, cut = node.attributes["start"] - pad.attributes["before"], node.attributes["cut"] - pad.attributes["after"]
        if start >= 0 and cut >= 0:
            rewriting.move(pad, pad.inputs[0])
            rewriting.change(node, "subsample", node.inputs, {**node.attributes, "start": start, "cut": cut})
    return rewriting.result()
