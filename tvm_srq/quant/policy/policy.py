"""Which convolution gets which precision: the settings, applied to a graph."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from tvm_srq.graph.graph import Graph
from tvm_srq.quant.fitting.two_parts import whole_layer
from tvm_srq.quant.policy.edges import edge_layers, ends, input_pixels
from tvm_srq.quant.policy.settings import IN_RANGE, WINOGRAD_MAGNITUDE, Precision, Settings


def of_bits(row: tuple, picture_bits: int) -> Precision:
    """The precision of a layer of whose widths a table speaks (quant.policy.table.Row)."""
    _, weight_bits, activation_bits, *_ = row
    bits = picture_bits if activation_bits is None else min(activation_bits, 8)  # in two parts: 8 each
    return Precision(weight_bits, 2 ** (weight_bits - 1) - 1, bits, WINOGRAD_MAGNITUDE if bits < 7 else None)


class Policy:
    """The precision of every convolution of a graph.

    Attributes:
        edges: names of the convolutions of the edge (quant.policy.edges).
        whole_edges: those of them that do not see a reduced map: what they do to the picture is worth trying out.
    """

    def __init__(self, graph: Graph, settings: Settings):
        self.graph, self.settings = graph, settings
        self.edges, self.ends = edge_layers(graph), ends(graph)
        pixels = input_pixels(graph)
        self.whole_edges = frozenset(name for name in self.edges if pixels[name] >= 1)

    def precision(self, name: str) -> Precision:
        precision = self.widths(name)
        node = self.graph.node(name)
        kernel = self.graph.parameters[node.parameters["weight"]].shape[2:]
        served = kernel == (3, 3) and node.attributes["groups"] == 1 and self.settings.grid == "aligned"
        return replace(precision, winograd=served and precision.in_range)

    def widths(self, name: str) -> Precision:
        """By the convolution's place in the network."""
        settings, name = self.settings, whole_layer(self.graph, name)
        if name in settings.table:
            return of_bits(settings.table[name], settings.edge_bits)
        if name in settings.precisions:
            return Precision(*settings.precisions[name])
        if name in self.edges and (name in self.ends or settings.upsamplers == "edge"):
            return Precision(settings.edge_bits, 2 ** (settings.edge_bits - 1) - 1, settings.edge_bits, None)
        if name in self.edges and settings.upsamplers == "in-range":
            return IN_RANGE
        magnitude = settings.activation_magnitude
        if magnitude is None and settings.activation_bits < 7:
            magnitude = WINOGRAD_MAGNITUDE
        weight_magnitude = settings.weight_magnitude or 2 ** (settings.weight_bits - 1) - 1
        return Precision(settings.weight_bits, weight_magnitude, settings.activation_bits, magnitude)

    def said(self, name: str) -> tuple[str, float | None, float | None]:
        """What a table says of a layer's input: its quantizer, or nothing, and the ends of its range, or None."""
        if name not in self.settings.table:
            return "", None, None
        quantizer, low, high = self.settings.table[name][3:]
        return quantizer, low, high

    def kind(self, name: str) -> Hashable:
        """Convolutions of the same kind may share the codes of what they read."""
        precision = self.precision(name)
        return precision.activation_bits, precision.activation_magnitude, name in self.edges, self.said(name)
