"""A graph in a file: a description of JSON values, and its arrays. Reading it runs nothing that it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_srq.errors import UserError, shortened
from tvm_srq.graph.builder import check
from tvm_srq.graph.graph import Graph, Node, PictureFormat
from tvm_srq.json_values import listed, number, text, whole

VERSION = 2
LARGEST_SMALLEST = 1 << 12
MOST_WHITE = 1e6  # and the least range of an output is one of it
NUMBERS = (np.float32, np.float64)


def describe(graph: Graph) -> dict[str, Any]:
    """The graph as JSON values; its arrays, :attr:`Graph.parameters`, are stored beside them by their keys."""
    picture = graph.picture
    return {
        "version": VERSION,
        "picture": {
            "channels": picture.channels, "white": picture.white, "output_range": list(picture.output_range),
            "told": picture.told,
        },
        "smallest": graph.smallest,
        "description": graph.description,
        "nodes": [
            {"name": node.name, "operator": node.operator, "inputs": list(node.inputs), "attributes": dict(node.attributes),
             "parameters": dict(node.parameters)}
            for node in graph.nodes
        ],
    }  # fmt: skip


def graph_of(description: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> Graph:
    """The graph that a description and arrays are of, checked.

    Raises:
        UserError: it is none: values of other types, operators or attributes unknown here, arrays that are missing or do not fit.
    """
    if not isinstance(description, Mapping) or description.get("version") != VERSION:
        raise UserError("the file's network is of another version of tvm_srq: quantize it again")
    try:
        picture = description["picture"]
        ends = picture_of(picture)
        nodes = tuple(map(node_of, listed(description["nodes"], "nodes")))
        keys = {key for node in nodes for key in node.parameters.values()}
        parameters = {key: numbers(key, arrays[key]) for key in sorted(keys)}
        smallest = whole(description["smallest"], "smallest", 1, LARGEST_SMALLEST)
        graph = Graph(nodes, parameters, ends, 1, smallest, text(description["description"], "description"))
        return check(graph)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as damage:
        what = f"{type(damage).__name__}: {shortened(damage)}"
        raise UserError(f"the file's network is damaged ({what}): quantize it again") from damage


def picture_of(description: Mapping[str, Any]) -> PictureFormat:
    """How pictures go in and come out."""
    white, (low, high) = number(description["white"], "white"), description["output_range"]
    black, brightest = number(low, "black"), number(high, "the output's white")
    sound = 0 < white <= MOST_WHITE and 1 / MOST_WHITE < brightest - black < MOST_WHITE
    if description["channels"] not in (1, 3) or not sound:
        raise ValueError("no such pictures")
    return PictureFormat(int(description["channels"]), white, (black, brightest), text(description["told"], "told"))


def node_of(description: Mapping[str, Any]) -> Node:
    """One node; its operator checks the rest."""
    attributes, parameters = description["attributes"], description["parameters"]
    if not isinstance(attributes, dict) or not isinstance(parameters, dict) or not all(map(plain, attributes.values())):
        raise ValueError(f"node {description['name']}")
    inputs = tuple(text(name, "an input") for name in listed(description["inputs"], "inputs"))
    for key in parameters.values():
        text(key, "a parameter")
    return Node(text(description["name"], "a name"), text(description["operator"], "an operator"), inputs, attributes, parameters)


def plain(value: Any) -> bool:
    """Whether an attribute is what operators have: a number, a name, nothing, or lists of these."""
    return all(map(plain, value)) if isinstance(value, list) else value is None or isinstance(value, (bool, int, float, str))


def numbers(key: str, array: NDArray) -> NDArray:
    """An array of finite floats."""
    if array.dtype not in NUMBERS or not np.isfinite(array).all():
        raise ValueError(f"{key} has values that are no numbers")
    return array
