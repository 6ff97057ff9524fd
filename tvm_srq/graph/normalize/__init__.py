"""Passes that bring graphs of different sources to the same form."""

from __future__ import annotations

from collections.abc import Callable

from tvm_srq.graph.graph import Graph
from tvm_srq.graph.normalize.deviation import with_deviations
from tvm_srq.graph.normalize.gates import with_whole_functions

PASSES: tuple[Callable[[Graph], Graph], ...] = (with_whole_functions, with_deviations)


def normalized(graph: Graph) -> Graph:
    """The graph after all passes."""
    for run in PASSES:
        graph = run(graph)
    return graph
