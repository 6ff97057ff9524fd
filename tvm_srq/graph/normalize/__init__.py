"""Passes that bring graphs of different sources to one form, one in each file; none changes what a graph computes."""

from __future__ import annotations

from collections.abc import Callable

from tvm_srq.graph.graph import Graph
from tvm_srq.graph.normalize.affines import join_affines
from tvm_srq.graph.normalize.colours import scale_colours_alike
from tvm_srq.graph.normalize.deviation import with_deviations
from tvm_srq.graph.normalize.gates import with_whole_functions
from tvm_srq.graph.normalize.identities import drop_identities
from tvm_srq.graph.normalize.nearest import join_nearest
from tvm_srq.graph.normalize.padding import drop_zeros_around
from tvm_srq.graph.normalize.selects import join_selects, select_by_weights, turn_results

PASSES: tuple[Callable[[Graph], Graph], ...] = (
    drop_identities, with_whole_functions, with_deviations, join_affines, join_nearest, join_selects, select_by_weights,
    turn_results, scale_colours_alike, drop_zeros_around, drop_identities,
)  # fmt: skip


def normalized(graph: Graph) -> Graph:
    """The graph after all passes."""
    for run in PASSES:
        graph = run(graph)
    return graph
