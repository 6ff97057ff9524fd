"""Convolutions whose result is split: the part that convolutions read is moved to the front, so that its codes can be written
with the result, as the first channels of a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tvm_srq.graph.graph import Graph, Node
from tvm_srq.spec import LayerSpec, QuantSpec


def coded_part_first(spec: QuantSpec) -> QuantSpec:
    """The same quantized network, output channels of such convolutions in another order."""
    for node in list(spec.graph.convolutions()):
        order = order_of(spec.graph, node)
        if order is not None:
            spec = reordered(spec, node, order)
    return spec


def coded_prefix(graph: Graph, name: str) -> Node | None:
    """The one select of a value's first channels that nothing but convolutions reads, where every reader is a select."""
    readers = graph.readers[name]
    if name == graph.output or not all(reader.operator == "select" for reader in readers):
        return None
    coded = [reader for reader in readers if is_coded(graph, reader)]
    return coded[0] if len(coded) == 1 and coded[0].attributes["channels"][0] == 0 else None


def order_of(graph: Graph, node: Node) -> NDArray[np.int64] | None:
    """The new order of a convolution's output channels, or None if it stays as it is."""
    end = end_of(graph, node)
    readers = graph.readers[end]
    if node.attributes["groups"] != 1 or end == graph.output or not all(reader.operator == "select" for reader in readers):
        return None
    coded = [reader for reader in readers if is_coded(graph, reader)]
    if len(coded) != 1 or coded[0].attributes["channels"][0] == 0:
        return None
    first = coded[0].attributes["channels"]
    others = [channel for channel in range(graph.channels[end]) if channel not in set(first)]
    return np.array([*first, *others])


def end_of(graph: Graph, node: Node) -> str:
    """The convolution, or the activation that alone reads it."""
    readers = graph.readers[node.name]
    return readers[0].name if len(readers) == 1 and readers[0].operator == "prelu" else node.name


def is_coded(graph: Graph, select: Node) -> bool:
    """Whether a select is of neighbouring channels, read by convolutions alone."""
    channels, readers = select.attributes["channels"], graph.readers[select.name]
    neighbours = channels == list(range(channels[0], channels[0] + len(channels)))
    return neighbours and bool(readers) and all(reader.operator == "convolution" for reader in readers)


def reordered(spec: QuantSpec, node: Node, order: NDArray[np.int64]) -> QuantSpec:
    """The network with a convolution's output channels in an order, and those who read them knowing it."""
    graph, parameters = spec.graph, dict(spec.graph.parameters)
    end, place = end_of(graph, node), {int(channel): index for index, channel in enumerate(order)}
    nodes = []
    for each in graph.nodes:
        if each.name in (node.name, end):
            keys = {role: f"{key}:{each.name}" for role, key in each.parameters.items()}
            for role, key in each.parameters.items():
                parameters[keys[role]] = taken(graph.parameters[key], order)
            each = replace(each, parameters=keys)  # noqa: PLW2901
        elif end in each.inputs:
            each = replace(each, attributes={"channels": renamed(each.attributes["channels"], place)})  # noqa: PLW2901
        nodes.append(each)
    layers = {**spec.layers, node.name: layer_in(spec.layers[node.name], order)}
    return replace(spec, graph=replace(graph, nodes=tuple(nodes), parameters=parameters), layers=layers)


def renamed(channels: Sequence[int], place: dict[int, int]) -> list[int]:
    return [place[channel] for channel in channels]


def taken(values: NDArray, order: NDArray[np.int64]) -> NDArray:
    """Values by channel in another order; one for all channels stays."""
    return values[order] if len(values) == len(order) else values


def layer_in(layer: LayerSpec, order: NDArray[np.int64]) -> LayerSpec:
    """A layer with its output channels in another order."""
    correction = None if layer.correction is None else layer.correction[order]
    return replace(layer, weight=layer.weight[order], weight_scale=layer.weight_scale[order], correction=correction)
