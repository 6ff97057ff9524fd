"""Standard deviations of all pixels, spelled in means and squares, as one node."""

from __future__ import annotations

from tvm_srq.graph.graph import Graph, Node
from tvm_srq.graph.normalize.patterns import made_by, rewritten, scalars


def with_deviations(graph: Graph) -> Graph:
    """Variances as squares of deviations, and their roots as the deviations."""
    return rewritten(rewritten(graph, variance), root)


def variance(graph: Graph, node: Node) -> Node | None:
    """``mean((x - mean(x)) ** 2)`` under a root becomes the deviation of x; the root is this then."""
    mean_square = is_root(node) and made_by(graph, node.inputs[0], "global_average")
    square = mean_square and made_by(graph, mean_square.inputs[0], "function", "square")
    difference = square and made_by(graph, square.inputs[0], "add")
    if not difference:
        return None
    for x, other in (difference.inputs, difference.inputs[::-1]):
        negative = scalars(graph, other)
        mean = negative and made_by(graph, negative[2], "global_average")
        if negative and mean and negative[:2] == (-1.0, 0.0) and mean.inputs[0] == x:
            return Node("", "global_deviation", (x,))
    return None


def root(graph: Graph, node: Node) -> Node | None:
    """The root of a deviation's square is the deviation."""
    square = is_root(node) and made_by(graph, node.inputs[0], "function", "square")
    deviation = square and made_by(graph, square.inputs[0], "global_deviation")
    return Node("", "global_deviation", deviation.inputs, deviation.attributes) if deviation else None


def is_root(node: Node) -> bool:
    return node.operator == "function" and node.attributes["function"] == "sqrt"
