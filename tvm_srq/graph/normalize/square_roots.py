"""The root of a square is the value itself where that cannot be negative: how deviations are spelled by way of variances."""

from __future__ import annotations

from dataclasses import replace

from tvm_srq.graph.graph import PICTURE, Graph


def drop_square_roots(graph: Graph) -> Graph:
    """sqrt(square(deviation)) -> deviation."""
    renamed: dict[str, str] = {}
    nodes = []
    for node in graph.nodes:
        node = replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs))
        if node.operator == "function" and node.attributes["function"] == "sqrt" and node.name != graph.output:
            square = node.inputs[0]
            squared = graph.by_name[square].inputs[0] if is_square(graph, square) else PICTURE
            if squared != PICTURE and graph.by_name[squared].operator == "global_deviation":
                renamed[node.name] = squared
                continue
        nodes.append(node)
    read = {name for node in nodes for name in node.inputs}
    kept = tuple(node for node in nodes if node.name in read or node.name == graph.output)
    return replace(graph, nodes=kept)


def is_square(graph: Graph, name: str) -> bool:
    node = graph.by_name.get(name)
    return node is not None and node.operator == "function" and node.attributes["function"] == "square"
