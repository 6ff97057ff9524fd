"""Colours scaled by their own deviations, as classifiers want them, scaled by one number and by weights."""

from __future__ import annotations

import numpy as np

from tvm_srq.graph.graph import PICTURE, Graph
from tvm_srq.graph.normalize.rewriting import Rewriting


def scale_colours_alike(graph: Graph) -> Graph:
    """Where convolutions alone read them: pixels are exact codes for these only if all colours have one multiplier."""
    rewriting = Rewriting(graph)
    for node in rewriting:
        if node.operator != "affine" or node.inputs[0] != PICTURE:
            continue
        multiplier, offset = (np.asarray(rewriting.parameters[node.parameters[key]]) for key in ("multiplier", "offset"))
        readers = [rewriting.node(reader.name) for reader in graph.readers[node.name]]
        by_weights = all(reader.operator == "convolution" and reader.attributes["groups"] == 1 for reader in readers)
        if np.ptp(multiplier) == 0 or not multiplier.all() or not readers or not by_weights:
            continue
        largest = np.abs(multiplier).max()
        rewriting.change(node, "affine", node.inputs, multiplier=largest[None], offset=offset * (largest / multiplier))
        for reader in readers:
            weight = rewriting.parameters[reader.parameters["weight"]]
            scaled = (weight * (multiplier / largest)[:, None, None]).astype(weight.dtype)
            rewriting.change(
                reader, "convolution", reader.inputs, reader.attributes, weight=scaled, bias=reader.parameters.get("bias")
            )
    return rewriting.result()
