"""Standard deviations of all pixels that were written out, as contrast attention (IMDN) has them."""

from __future__ import annotations

from tvm_srq.graph.graph import Graph, Node
from tvm_srq.graph.normalize.rewriting import Rewriting


def recognize_deviations(graph: Graph) -> Graph:
    """The root of the mean of squared differences from the mean, and roots of variances."""
    rewriting = Rewriting(graph)
    for node in rewriting:
        if node.operator != "function" or node.attributes["function"] != "sqrt":
            continue
        square = rewriting.producer(node.inputs[0], "function", function="square")
        deviation = square and rewriting.producer(square.inputs[0], "global_deviation")
        if deviation is not None:
            rewriting.change(node, "global_deviation", deviation.inputs, deviation.attributes)
            continue
        source = written_out(rewriting, node)
        if source is not None:
            rewriting.change(node, "global_deviation", (source,))
    return rewriting.result()


def written_out(rewriting: Rewriting, root: Node) -> str | None:
    """What a root is the standard deviation of."""
    mean = rewriting.producer(root.inputs[0], "global_average")
    square = mean and rewriting.producer(mean.inputs[0], "function", function="square")
    difference = square and rewriting.producer(square.inputs[0], "add")
    if difference is None:
        return None
    for source, other in (difference.inputs, difference.inputs[::-1]):
        negative = rewriting.uniform_affine(other)
        if negative is not None and negative[1:] == (-1.0, 0.0):
            average = rewriting.producer(negative[0], "global_average")
            if average is not None and average.inputs[0] == source:
                return source
    return None
