"""A graph in a file: a description of JSON values, and its arrays. Reading it runs nothing that it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_srq.errors import UserError
from tvm_srq.graph.builder import check
from tvm_srq.graph.graph import Graph, Node, PictureFormat

VERSION = 2
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
        low, high = picture["output_range"]
        output_range = float(low), float(high)
        ends = PictureFormat(whole(picture["channels"]), float(picture["white"]), output_range, str(picture["told"]))
        nodes = tuple(map(node_of, description["nodes"]))
        keys = {key for node in nodes for key in node.parameters.values()}
        parameters = {key: numbers(key, arrays[key]) for key in sorted(keys)}
        graph = Graph(nodes, parameters, ends, 1, whole(description["smallest"]), str(description["description"]))
        return check(graph)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, ZeroDivisionError) as damage:
        raise UserError(f"the file's network is damaged ({type(damage).__name__}: {damage}): quantize it again") from damage


def node_of(description: Mapping[str, Any]) -> Node:
    """One node; its operator checks the rest."""
    attributes, parameters = description["attributes"], description["parameters"]
    if not isinstance(attributes, dict) or not isinstance(parameters, dict) or not all(map(plain, attributes.values())):
        raise ValueError(f"node {description['name']}")
    inputs = tuple(map(text, description["inputs"]))
    return Node(text(description["name"]), text(description["operator"]), inputs, attributes, parameters)


def plain(value: Any) -> bool:
    """Whether an attribute is what operators have: a number, a name, nothing, or lists of these."""
    return all(map(plain, value)) if isinstance(value, list) else value is None or isinstance(value, (bool, int, float, str))


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value} is no name")
    return value


def whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{value} is no whole number from 1 on")
    return value


def numbers(key: str, array: NDArray) -> NDArray:
    """An array of finite floats."""
    if array.dtype not in NUMBERS or not np.isfinite(array).all():
        raise ValueError(f"{key} has values that are no numbers")
    return array
