"""Looking for how functions are spelled: graphs seen as formulas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tvm_srq.graph.graph import PICTURE, Graph, Node
from tvm_srq.graph.normalize.any_size import without_unused

TOLERANCE = 2e-3  # constants may have been float16


def rewritten(graph: Graph, match: Callable[[Graph, Node], Node | None]) -> Graph:
    """Every node that ``match`` has another for replaced by it, under the same name; what is not needed then is dropped."""
    nodes, found = [], False
    for node in graph.nodes:
        other = match(graph, node)
        found = found or other is not None
        nodes.append(node if other is None else replace(other, name=node.name))
    return without_unused(replace(graph, nodes=tuple(nodes))) if found else graph


def made_by(graph: Graph, name: str, operator: str, function: str | None = None) -> Node | None:
    """The node that makes a value, if it is of an operator."""
    node = None if name == PICTURE else graph.by_name.get(name)
    if node is None or node.operator != operator or (function is not None and node.attributes["function"] != function):
        return None
    return node


def scalars(graph: Graph, name: str) -> tuple[float, float, str] | None:
    """``(factor, offset, source)`` of an affine node that treats all channels alike, or None."""
    node = made_by(graph, name, "affine")
    if node is None:
        return None
    factor, offset = (np.unique(graph.parameters[node.parameters[role]]) for role in ("multiplier", "offset"))
    return (float(factor[0]), float(offset[0]), node.inputs[0]) if len(factor) == len(offset) == 1 else None


def scaled(graph: Graph, name: str) -> tuple[float, str]:
    """A value as a factor times another: of affine nodes in a row that have no offsets."""
    factor = 1.0
    while (found := scalars(graph, name)) is not None and found[1] == 0:
        factor, name = factor * found[0], found[2]
    return factor, name


def product(graph: Graph, name: str) -> tuple[float, str, str] | None:
    """``(factor, first, second)`` of a product of two values with factors anywhere, or None."""
    outer, name = scaled(graph, name)
    node = made_by(graph, name, "multiply")
    if node is None:
        return None
    (first_factor, first), (second_factor, second) = (scaled(graph, source) for source in node.inputs)
    return outer * first_factor * second_factor, first, second


def near(value: float, wanted: float) -> bool:
    return bool(np.isclose(value, wanted, rtol=TOLERANCE, atol=0))
