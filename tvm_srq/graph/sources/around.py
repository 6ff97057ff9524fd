"""What a network wants done to its pictures, as nodes around it: its graph takes and gives pictures as they are, red first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tvm_srq.graph.builder import check
from tvm_srq.graph.graph import PICTURE, Graph, Node
from tvm_srq.graph.normalize import normalized
from tvm_srq.graph.picture_options import PictureOptions

BLUE_FIRST = [2, 1, 0]


def around(graph: Graph, options: PictureOptions) -> Graph:
    """The graph of a network with the mean subtracted and colours turned before it, and the opposite behind it."""
    before, parameters = nodes_before(graph, options)
    if not before:
        return graph
    first = before[-1].name
    inside = [replace(node, inputs=tuple(first if name == PICTURE else name for name in node.inputs)) for node in graph.nodes]
    behind, more = nodes_behind(graph, options)
    nodes = (*before, *inside, *behind)
    return check(normalized(replace(graph, nodes=nodes, parameters={**graph.parameters, **parameters, **more})))


def nodes_before(graph: Graph, options: PictureOptions) -> tuple[list[Node], dict[str, NDArray]]:
    """From the picture, red first, to what the network wants."""
    nodes: list[Node] = []
    parameters: dict[str, NDArray] = {}
    if options.mean is not None:
        name = unique(graph, "picture.mean")
        nodes.append(shift(name, PICTURE, -np.array(options.mean, np.float64), parameters))
    if options.colours == "bgr":
        source = nodes[-1].name if nodes else PICTURE
        nodes.append(Node(unique(graph, "picture.colours"), "select", (source,), {"channels": BLUE_FIRST}))
    return nodes, parameters


def nodes_behind(graph: Graph, options: PictureOptions) -> tuple[list[Node], dict[str, NDArray]]:
    """From what the network gives to a picture, red first."""
    nodes: list[Node] = []
    parameters: dict[str, NDArray] = {}
    source = graph.output
    if options.colours == "bgr":
        nodes.append(Node(unique(graph, "output.colours"), "select", (source,), {"channels": BLUE_FIRST}))
        source = nodes[-1].name
    if options.mean is not None:
        black, white = graph.picture.output_range
        share = np.array(options.mean, np.float64) / graph.picture.white
        nodes.append(shift(unique(graph, "output.mean"), source, share * (white - black), parameters))
    return nodes, parameters


def shift(name: str, source: str, offset: NDArray[np.float64], parameters: dict[str, NDArray]) -> Node:
    """A node that adds a colour, whose numbers are put into ``parameters``."""
    keys = {"multiplier": f"{name}.multiplier", "offset": f"{name}.offset"}
    parameters |= {keys["multiplier"]: np.ones(len(offset)), keys["offset"]: offset}
    return Node(name, "affine", (source,), {}, keys)


def unique(graph: Graph, name: str) -> str:
    while name in graph.by_name:
        name += "_"
    return name
