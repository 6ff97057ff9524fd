"""A network between pixels of 0..255 at both ends, its factors and offsets in the weights of convolutions where they can be.

What a careful user of another runtime would do by hand before converting: batch norms, mean shifts, scalars and value ranges cost
nothing where a convolution is before or behind them. Weights are multiplied in float64 and stored in float32.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tvm_srq.affine import Affine, per_weight
from tvm_srq.graph.graph import PICTURE, Graph, Node, PictureFormat
from tvm_srq.graph.normalize.any_size import unused, without_unused
from tvm_srq.graph.normalize.identities import drop_identities

PIXELS = PictureFormat(3, 255.0, (0.0, 255.0))
PLACING = ("crop", "nearest", "resize", "subsample")  # their results are values of their input, or weighted means
BORDERS = ("reflect", "replicate")


def between_pixels(graph: Graph) -> Graph:
    """The same network from pixels to pixels, (1, 3, H, W) 0..255 at both ends, folded; neither rounded nor clamped."""
    folding = Folding(with_ends(graph))
    folding.fold_into_what_is_before()
    folding.fold_into_what_is_behind()
    return without_last_clamp(drop_identities(without_unused(folding.result(), folding.output)))


def with_ends(graph: Graph) -> Graph:
    """The graph with the pictures' ranges as affine nodes at its ends."""
    names = {node.name for node in graph.nodes}
    front, back = unused("from_pixels", names), unused("to_pixels", names)
    black, white = graph.picture.output_range
    gain = 255.0 / (white - black)
    parameters = {
        "from_pixels.multiplier": np.array([graph.picture.white / 255.0]), "from_pixels.offset": np.zeros(1),
        "to_pixels.multiplier": np.array([gain]), "to_pixels.offset": np.array([-black * gain]),
    }  # fmt: skip

    def end(name: str, kind: str, source: str) -> Node:
        return Node(name, "affine", (source,), {}, {role: f"{kind}.{role}" for role in ("multiplier", "offset")})

    inner = [replace(node, inputs=tuple(front if name == PICTURE else name for name in node.inputs)) for node in graph.nodes]
    nodes = (end(front, "from_pixels", PICTURE), *inner, end(back, "to_pixels", graph.output))
    return replace(graph, nodes=nodes, parameters={**graph.parameters, **parameters}, picture=PIXELS)


def without_last_clamp(graph: Graph) -> Graph:
    """A clamp at the end that keeps all pixels is left out: whatever becomes a picture is clamped anyway."""
    last = graph.nodes[-1]
    bounds = last.attributes.get("low"), last.attributes.get("high")
    keeps_pixels = (bounds[0] is None or bounds[0] <= 0) and (bounds[1] is None or bounds[1] >= 255)
    return without_unused(graph, last.inputs[0]) if last.operator == "clamp" and keeps_pixels else graph


def is_identity(this: Affine) -> bool:
    return bool(np.allclose(this.multiplier, 1, rtol=1e-9, atol=0) and np.allclose(this.offset, 0, atol=1e-9))


def without_offset(this: Affine) -> Affine:
    return Affine(this.multiplier, np.zeros_like(this.offset))


class Folding:
    """A graph under change.

    Attributes:
        nodes: by name, in execution order; nodes that nobody reads any more stay among them.
        parameters: those of the graph, and new ones.
        output: the name of the network's output.
    """

    def __init__(self, graph: Graph):
        self.graph, self.output = graph, graph.output
        self.nodes = {node.name: node for node in graph.nodes}
        self.parameters = dict(graph.parameters)

    def result(self) -> Graph:
        return replace(self.graph, nodes=tuple(self.nodes.values()), parameters=self.parameters)

    def readers(self, name: str) -> list[Node]:
        """The nodes that read a value and are themselves needed, once for every operand."""
        needed = without_unused(self.result(), self.output)
        return list(needed.readers.get(name, ()))

    def map(self, node: Node) -> Affine:
        multiplier, offset = (self.parameters[node.parameters[role]] for role in ("multiplier", "offset"))
        return Affine.of(multiplier, offset, self.graph.channels[node.name])

    def change(self, node: Node, inputs: tuple[str, ...] | None = None, **parameters: NDArray) -> None:
        """Give a node other inputs, or parameters of its own."""
        keys = {role: f"{node.name}.folded.{role}" for role in parameters}
        self.parameters.update({keys[role]: value for role, value in parameters.items()})
        self.nodes[node.name] = replace(node, inputs=inputs or node.inputs, parameters={**node.parameters, **keys})

    def set_map(self, node: Node, this: Affine, source: str) -> None:
        self.change(node, (source,), multiplier=this.multiplier, offset=this.offset)

    def read_instead(self, name: str, other: str) -> None:
        """Let the readers of a value read another."""
        self.output = other if self.output == name else self.output
        for node in list(self.nodes.values()):
            if name in node.inputs:
                inputs = tuple(other if source == name else source for source in node.inputs)
                self.nodes[node.name] = replace(node, inputs=inputs)

    def affine_nodes(self) -> list[str]:
        return [node.name for node in self.nodes.values() if node.operator == "affine"]

    # towards the picture
    def fold_into_what_is_before(self) -> None:
        for name in self.affine_nodes():
            node = self.nodes[name]
            source = node.inputs[0]
            if self.takes(source, self.map(node)):
                self.read_instead(name, self.take(source, self.map(node)))
            elif source in self.nodes and self.nodes[source].operator == "affine":
                inner = self.nodes[source]
                self.set_map(node, self.map(inner).then(self.map(node)), inner.inputs[0])

    def takes(self, name: str, this: Affine) -> bool:
        """Whether a value can be made its own affine image at no cost."""
        if is_identity(this):
            return True
        if name == PICTURE:
            return False
        node = self.nodes[name]
        once = len(self.readers(name)) == 1
        if node.operator == "affine":
            return once or is_identity(self.map(node).then(this))
        if node.operator == "convolution":
            return once
        return once and any(
            all(self.takes(source, part) for source, part in zip(node.inputs, parts, strict=True))
            for parts in self.ways_before(node, this)
        )  # fmt: skip

    def take(self, name: str, this: Affine) -> str:
        """Make it so; the name of the image."""
        if is_identity(this):
            return name
        node = self.nodes[name]
        if node.operator == "affine":
            whole = self.map(node).then(this)
            if is_identity(whole):
                return node.inputs[0]
            self.set_map(node, whole, node.inputs[0])
        elif node.operator == "convolution":
            weight, bias = self.weights(node)
            self.set_weights(node, weight * this.multiplier[:, None, None, None], bias * this.multiplier + this.offset)
        else:
            parts = next(
                parts for parts in self.ways_before(node, this)
                if all(self.takes(source, part) for source, part in zip(node.inputs, parts, strict=True))
            )  # fmt: skip
            inputs = tuple(self.take(source, part) for source, part in zip(node.inputs, parts, strict=True))
            self.nodes[name] = replace(node, inputs=inputs, attributes=mapped_bounds(node, this))
        return name

    def ways_before(self, node: Node, this: Affine) -> list[list[Affine]]:
        """Maps of a node's inputs that make its result its image, one list for each way there is."""
        positive, plain = bool((this.multiplier > 0).all()), not this.offset.any()
        if node.operator in PLACING or (node.operator == "clamp" and positive and uniform(this)):
            return [[this]]
        if node.operator == "pixel_shuffle":
            return [[this.repeat(node.attributes["factor"] ** 2)]]
        if node.operator == "max_pool" and positive or node.operator == "prelu" and positive and plain:
            return [[this]]
        if node.operator == "add":
            return [[this, without_offset(this)], [without_offset(this), this]]
        if node.operator == "multiply" and plain:
            alike = [self.graph.channels[name] == len(this.multiplier) for name in node.inputs]
            nothings = [Affine.identity(self.graph.channels[name]) for name in node.inputs]
            return [way for way, fits in zip(([this, nothings[1]], [nothings[0], this]), alike, strict=True) if fits]
        if node.operator == "concat":
            ends = np.cumsum([self.graph.channels[name] for name in node.inputs])[:-1]
            halves = (np.split(values, ends) for values in (this.multiplier, this.offset))
            return [[Affine(*part) for part in zip(*halves, strict=True)]]
        return []

    # away from the picture
    def fold_into_what_is_behind(self) -> None:
        for name in self.affine_nodes():
            node, this = self.nodes[name], self.map(self.nodes[name])
            if not this.multiplier.all():
                continue
            if self.all_take_in(name, this):
                self.let_take_in(name, this)
                self.read_instead(name, node.inputs[0])
            elif self.all_take_in(name, without_offset(this)):
                self.let_take_in(name, without_offset(this))
                self.set_map(node, Affine(np.ones_like(this.multiplier), this.offset / this.multiplier), node.inputs[0])

    def all_take_in(self, name: str, this: Affine) -> bool:
        """Whether all readers of a value can do with it before a map what they do with it behind."""
        readers = self.readers(name)
        return name != self.output and bool(readers) and all(self.takes_in(reader, this) for reader in readers)

    def takes_in(self, node: Node, this: Affine) -> bool:
        if node.operator == "convolution":
            return not this.offset.any() or self.parameters[node.parameters["weight"]].shape[2] == 1
        behind = self.behind(node, this)
        return behind is not None and self.all_take_in(node.name, behind)

    def let_take_in(self, name: str, this: Affine) -> None:
        for node in {reader.name: reader for reader in self.readers(name)}.values():
            if node.operator == "convolution":
                weight, bias = self.weights(node)
                constant = (weight * per_weight(this.offset, weight.shape)).sum((1, 2, 3))
                self.set_weights(node, weight * per_weight(this.multiplier, weight.shape), bias + constant)
            else:
                behind = self.behind(node, this)
                assert behind is not None
                self.let_take_in(node.name, behind)

    def behind(self, node: Node, this: Affine) -> Affine | None:
        """The map of a node's result that one of its input is the same as; None if there is none."""
        plain = not this.offset.any()
        bordered = node.operator in ("pad", "pad_to_multiple") and (plain or node.attributes["mode"] in BORDERS)
        if node.operator in PLACING or bordered or (node.operator == "prelu" and plain and (this.multiplier > 0).all()):
            return this
        if node.operator == "pixel_unshuffle":
            return this.repeat(node.attributes["factor"] ** 2)
        if node.operator == "select":
            return Affine(*(values[node.attributes["channels"]] for values in (this.multiplier, this.offset)))
        return None

    def weights(self, node: Node) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """A convolution's weights and bias."""
        weight = self.parameters[node.parameters["weight"]].astype(np.float64)
        bias = node.parameters.get("bias")
        return weight, np.zeros(len(weight)) if bias is None else self.parameters[bias].astype(np.float64)

    def set_weights(self, node: Node, weight: NDArray[np.float64], bias: NDArray[np.float64]) -> None:
        if "bias" not in node.parameters and not bias.any():
            self.change(node, weight=weight)
        else:
            self.change(node, weight=weight, bias=bias)


def uniform(this: Affine) -> bool:
    return bool(np.ptp(this.multiplier) == 0 and np.ptp(this.offset) == 0)


def mapped_bounds(node: Node, this: Affine) -> dict:
    """A node's attributes, its bounds mapped if it is a clamp."""
    if node.operator != "clamp":
        return dict(node.attributes)
    factor, offset = float(this.multiplier[0]), float(this.offset[0])
    return {key: None if bound is None else factor * bound + offset for key, bound in node.attributes.items()}
