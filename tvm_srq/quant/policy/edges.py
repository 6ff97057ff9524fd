"""Which convolutions are a network's edge, by its graph: what the paper's layer policy holds at 8 bits."""

from __future__ import annotations

from tvm_srq.graph.graph import PICTURE, Graph, Node
from tvm_srq.operators import OPERATORS

LARGE = 1024  # side of a picture whose border hardly counts


def edge_layers(graph: Graph) -> frozenset[str]:
    """Names of the convolutions that read the picture, make it, raise the resolution, or see other sizes than the body's.

    The body is as large as what the picture's readers see: the picture, or its pixels side by side. Those before a pixel shuffle
    raise the resolution, and what reads an enlarged map works at it already. Smaller maps belong to attention, whose every value
    reaches many pixels.
    """
    shuffled, last = sources_of(graph, {"pixel_shuffle"}), made_by(graph, graph.output)
    first = picture_readers(graph)
    own = {graph.extents[graph.node(name).inputs[0]] for name in first} or {graph.extents[PICTURE]}
    return frozenset(
        node.name
        for node in graph.convolutions()
        if node.name in first | shuffled | last or graph.extents[node.inputs[0]] not in own
    )


def ends(graph: Graph) -> frozenset[str]:
    """Those of them that read the picture or make it."""
    return frozenset(picture_readers(graph) | made_by(graph, graph.output))


def picture_readers(graph: Graph) -> set[str]:
    return {node.name for node in graph.convolutions() if reads_picture(graph, node.inputs[0])}


def input_pixels(graph: Graph) -> dict[str, float]:
    """By convolution, how many pixels its input has for one of the picture's."""
    side = max(graph.smallest, LARGE)
    return {node.name: (graph.extents[node.inputs[0]](side) / side) ** 2 for node in graph.convolutions()}


def reads_picture(graph: Graph, name: str) -> bool:
    """Whether a value is the picture moved, scaled or shifted, or has it among its parts."""
    if name == PICTURE:
        return True
    node = graph.node(name)
    moved = node.operator in ("affine", "concat") or OPERATORS[node.operator].keeps_values
    return moved and node.operator != "add" and any(reads_picture(graph, source) for source in node.inputs)


def sources_of(graph: Graph, operators: set[str]) -> set[str]:
    """The convolutions whose results come to nodes of these operators through no other convolution."""
    return {name for node in graph.nodes if node.operator in operators for name in made_by(graph, node.name)}


def made_by(graph: Graph, name: str) -> set[str]:
    """The convolutions nearest before a value: on every way to it the last one."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current == PICTURE or current in seen:
            continue
        seen.add(current)
        node: Node = graph.node(current)
        if node.operator == "convolution":
            found.add(current)
        else:
            waiting += node.inputs
    return found
