"""Passes that bring graphs of different sources to the same form."""

from __future__ import annotations

from collections.abc import Callable

from tvm_srq.graph.graph import Graph

PASSES: tuple[Callable[[Graph], Graph], ...] = ()


def normalized(graph: Graph) -> Graph:
    """The graph after all passes."""
    for run in PASSES:
        graph = run(graph)
    return graph
