"""Passes that bring graphs of different sources to the same form."""

from __future__ import annotations

from collections.abc import Callable

from tvm_srq.graph.graph import Graph
from tvm_srq.graph.normalize.square_roots import drop_square_roots

PASSES: tuple[Callable[[Graph], Graph], ...] = (drop_square_roots,)


def normalized(graph: Graph) -> Graph:
    """The graph after all passes."""
    for run in PASSES:
        graph = run(graph)
    return graph
