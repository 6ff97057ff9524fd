"""Changing a graph: nodes put in the place of others, readers sent to other values, what nobody reads left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvm_srq.graph.graph import PICTURE, Graph, Node


class Rewriting:
    """A graph under change; passes look at it node by node and change what they have passed.

    Attributes:
        graph: as it was.
    """

    def __init__(self, graph: Graph):
        self.graph = graph
        self.changed: dict[str, Node] = {}
        self.moved: dict[str, str] = {}
        self.parameters = dict(graph.parameters)

    def __iter__(self) -> Iterator[Node]:
        """Nodes in execution order, with the changes so far."""
        for node in self.graph.nodes:
            yield self.node(node.name)

    def node(self, name: str) -> Node:
        """A node as it is now."""
        node = self.changed.get(name) or self.graph.node(name)
        return replace(node, inputs=tuple(map(self.at, node.inputs)))

    def at(self, name: str) -> str:
        """The value that readers of ``name`` read now."""
        while name in self.moved:
            name = self.moved[name]
        return name

    def producer(self, name: str, operator: str, **attributes: Any) -> Node | None:
        """The node that makes a value, if it is of that operator and has these attributes."""
        name = self.at(name)
        node = None if name == PICTURE else self.node(name)
        fits = node is not None and node.operator == operator
        return node if fits and all(node.attributes.get(key) == value for key, value in attributes.items()) else None  # type: ignore[union-attr]

    def read_once(self, name: str) -> bool:
        """Whether one node alone reads a value, in the graph as it was."""
        return name != PICTURE and len(self.graph.readers[name]) == 1

    def change(
        self, node: Node, operator: str, inputs: tuple[str, ...], attributes: Mapping[str, Any] | None = None,
        **parameters: ArrayLike | None,
    ) -> None:  # fmt: skip
        """Make a node another one, under its name; arrays get keys that no other node shares."""
        keys = {}
        for role, value in parameters.items():
            if isinstance(value, str):
                keys[role] = value
            elif value is not None:
                keys[role] = f"{node.name}.{role}"
                while keys[role] in self.parameters:
                    keys[role] += "_"
                self.parameters[keys[role]] = np.ascontiguousarray(value)
        self.changed[node.name] = Node(node.name, operator, inputs, dict(attributes or {}), keys)

    def move(self, node: Node, source: str) -> None:
        """Let readers of a node read another value; the graph's output has to stay a node."""
        if self.at(source) != PICTURE or node.name != self.graph.output:
            self.moved[node.name] = source

    def uniform_affine(self, name: str) -> tuple[str, float, float] | None:
        """What an affine map reads, its factor and its offset, where these are the same for all channels."""
        node = self.producer(name, "affine")
        if node is None:
            return None
        factor, offset = (self.parameters[node.parameters[role]] for role in ("multiplier", "offset"))
        if np.ptp(factor) != 0 or np.ptp(offset) != 0:
            return None
        return node.inputs[0], float(factor.reshape(-1)[0]), float(offset.reshape(-1)[0])

    def result(self) -> Graph:
        """The changed graph, without nodes and parameters that nobody reads."""
        if not self.changed and not self.moved:
            return self.graph
        needed, kept = {self.at(self.graph.output)}, []
        for node in reversed(list(self)):
            if node.name in needed and node.name not in self.moved:
                needed |= set(node.inputs)
                kept.append(node)
        keys = {key for node in kept for key in node.parameters.values()}
        parameters: dict[str, NDArray] = {key: value for key, value in self.parameters.items() if key in keys}
        return replace(self.graph, nodes=tuple(reversed(kept)), parameters=parameters)
