"""An affine map behind another made one."""

from __future__ import annotations

import numpy as np

from tvm_srq.graph.graph import Graph
from tvm_srq.graph.normalize.rewriting import Rewriting


def join_affines(graph: Graph) -> Graph:
    """Where nothing else reads the first: scalars, mean shifts and batch norms in a row."""
    rewriting = Rewriting(graph)
    for node in rewriting:
        inner = rewriting.producer(node.inputs[0], "affine")
        if node.operator != "affine" or inner is None or not rewriting.read_once(inner.name):
            continue
        multiplier, offset, first, before = (
            np.asarray(rewriting.parameters[each.parameters[role]], np.float64)
            for each in (node, inner) for role in ("multiplier", "offset")
        )  # fmt: skip
        rewriting.change(
            node, "affine", inner.inputs, multiplier=first * multiplier, offset=np.atleast_1d(before * multiplier + offset)
        )
    return rewriting.result()
