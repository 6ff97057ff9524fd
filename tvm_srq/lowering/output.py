"""How the outgoing picture is made: what the last step takes in, so that nothing of the picture's size is written twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

from tvm_srq.affine import Affine
from tvm_srq.graph.graph import PICTURE, Graph, Node
from tvm_srq.operators import OPERATORS, affine, clamp


@dataclass(frozen=True)
class Output:
    """The picture is ``map(crop(shuffle(value))) + picture repeated``, where ``adds_picture``; then clipped.

    Attributes:
        result: the network's output, less clamps that clipping to 0..255 does anyway.
        value: what is read as a stream.
        shuffle: the pixel shuffle that is left to the last step, 1 for none.
        cropped: of its result, the last step leaves out rows and columns at the end.
        map: affine maps left to it, per channel of the output.
        added: the value that is the picture with its pixels repeated, or None.
        absorbed: nodes that the last step computes, as they are no streams.
    """

    result: str
    value: str
    map: Affine
    shuffle: int = 1
    cropped: bool = False
    added: str | None = None
    absorbed: tuple[str, ...] = ()


def find_output(graph: Graph, streams: Mapping[str, float]) -> Output:
    """Look through what the last step can do, from the output inwards; ``streams``: real steps of values."""
    result = graph.output
    while is_clipped_anyway(graph, result):
        result = graph.node(result).inputs[0]
    output = Output(result, result, Affine.identity(graph.picture.channels))
    if result != PICTURE and graph.node(result).operator == "add":
        first, second = graph.node(result).inputs
        for value, added in ((first, second), (second, first)):
            if repeats_picture(graph, added) and only_output_reads(graph, value) and is_whole(graph, streams[result]):
                output = replace(output, value=value, added=added, absorbed=(result,))
                break
    elif result != PICTURE and graph.node(result).operator == "affine":
        node = graph.node(result)
        if only_output_reads(graph, node.inputs[0]):
            output = replace(output, value=node.inputs[0], map=map_of(graph, node), absorbed=(result,))
    if output.added is None and ends_are_cut_off(graph, output.value):
        absorbed = (*output.absorbed, output.value)
        output = replace(output, value=graph.node(output.value).inputs[0], cropped=True, absorbed=absorbed)
    if output.value != PICTURE and graph.node(output.value).operator == "pixel_shuffle":
        node = graph.node(output.value)
        if only_output_reads(graph, node.inputs[0]):
            absorbed = (*output.absorbed, node.name)
            output = replace(output, value=node.inputs[0], shuffle=node.attributes["factor"], absorbed=absorbed)
    return output


def map_of(graph: Graph, node: Node) -> Affine:
    return cast(affine.Affine, OPERATORS["affine"]).map(node, graph)


def ends_are_cut_off(graph: Graph, name: str) -> bool:
    """Whether a value is a pixel shuffle's result without its last rows and columns, of which nothing else is read."""
    if name == PICTURE or graph.node(name).operator != "crop" or graph.node(name).attributes["start"] != 0:
        return False
    shuffled = graph.node(name).inputs[0]
    return (
        only_output_reads(graph, shuffled)
        and graph.node(shuffled).operator == "pixel_shuffle"
        and only_output_reads(graph, graph.node(shuffled).inputs[0])
    )


def is_clipped_anyway(graph: Graph, name: str) -> bool:
    """Whether a value is a clamp to no less than the output's range."""
    if name == PICTURE or graph.node(name).operator != "clamp":
        return False
    low, high = cast(clamp.Clamp, OPERATORS["clamp"]).bounds(graph.node(name))
    black, white = graph.picture.output_range
    return low <= black and high >= white


def repeats_picture(graph: Graph, name: str) -> bool:
    """Whether a value is the picture with its pixels repeated (or the picture itself), in the output's own range."""
    if graph.picture.output_range != (0.0, graph.picture.white):
        return False
    return name == PICTURE or (graph.node(name).operator == "nearest" and repeats_picture(graph, graph.node(name).inputs[0]))


def is_whole(graph: Graph, step: float) -> bool:
    """Whether a value of the picture is a whole number of steps."""
    steps = graph.picture.white / 255.0 / step
    return steps >= 1 and abs(steps - round(steps)) < 1e-4


def only_output_reads(graph: Graph, name: str) -> bool:
    return name != PICTURE and len(graph.readers[name]) == 1
