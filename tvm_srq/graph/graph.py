"""Graph: a super-resolution network as plain data. Every stage, from calibration to the compiled program, works on it.

The format knows no network family: nodes name operators of a fixed list (:mod:`tvm_srq.operators`), attributes are JSON values
and parameters are arrays, so a graph can be stored in a file, read without trusting it, and run without the network's code.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_srq.extent import Extent
from tvm_srq.operators import OPERATORS

PICTURE = "picture"
"""The name that stands for the network's input among the inputs of nodes."""


@dataclass(frozen=True)
class Node:
    """One application of an operator.

    Attributes:
        name: unique in its graph; a convolution's is that of its module, ``name@2`` where a module is applied again.
        operator: a key of :data:`tvm_srq.operators.OPERATORS`.
        inputs: names of nodes, or ``PICTURE``.
        attributes: JSON values, as the operator wants them.
        parameters: keys of :attr:`Graph.parameters` by role, such as ``{"weight": "body.0.weight"}``.
    """

    name: str
    operator: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PictureFormat:
    """How pictures go in and come out.

    Attributes:
        channels: 3, or 1 for grey networks; the same at both ends.
        white: the network's input for a pixel of 255; black is 0.
        output_range: the output's values for black and white.
        told: all that is known of its pictures and from where, in words, for ``inspect`` (tvm_srq.graph.picture_options).
    """

    channels: int = 3
    white: float = 1.0
    output_range: tuple[float, float] = (0.0, 1.0)
    told: str = ""

    @property
    def pixel(self) -> float:
        """The network's input for a pixel of 1, a float32 value."""
        return float(np.float32(self.white / 255.0))

    @property
    def grey_level(self) -> float:
        """What one of 255 grey levels is in the network's output."""
        return (self.output_range[1] - self.output_range[0]) / 255.0


@dataclass(frozen=True)
class Graph:
    """Nodes in execution order; the output is the last one's.

    Attributes:
        nodes: in execution order.
        parameters: float32 or float64 arrays by key.
        picture: how pictures go in and come out.
        scale: the output has ``scale`` times the picture's height and width.
        smallest: the fewest rows and columns of a picture that it works on.
        description: what it was, for people: the network's name and sizes.
    """

    nodes: tuple[Node, ...]
    parameters: Mapping[str, NDArray]
    picture: PictureFormat
    scale: int
    smallest: int = 1
    description: str = ""

    @cached_property
    def by_name(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}

    @property
    def output(self) -> str:
        return self.nodes[-1].name

    def node(self, name: str) -> Node:
        return self.by_name[name]

    @cached_property
    def readers(self) -> dict[str, tuple[Node, ...]]:
        """The nodes that read each value, in execution order, once for every operand."""
        found: dict[str, list[Node]] = {PICTURE: [], **{node.name: [] for node in self.nodes}}
        for node in self.nodes:
            for name in node.inputs:
                found[name].append(node)
        return {name: tuple(nodes) for name, nodes in found.items()}

    def convolutions(self) -> Iterator[Node]:
        """In execution order."""
        return (node for node in self.nodes if node.operator == "convolution")

    def parameter(self, node: Node, role: str) -> NDArray | None:
        """A node's parameter, or None if it has none of that role."""
        key = node.parameters.get(role)
        return None if key is None else self.parameters[key]

    @cached_property
    def channels(self) -> dict[str, int]:
        """Channels of every value."""
        known = {PICTURE: self.picture.channels}
        for node in self.nodes:
            known[node.name] = OPERATORS[node.operator].channels(node, [known[name] for name in node.inputs], self)
        return known

    @cached_property
    def extents(self) -> dict[str, Extent]:
        """Rows and columns of every value, from the picture's."""
        known = {PICTURE: Extent()}
        for node in self.nodes:
            known[node.name] = OPERATORS[node.operator].extent(node, [known[name] for name in node.inputs])
        return known

    @property
    def without_integers(self) -> tuple[Node, ...]:
        """The nodes that have no integer form: they are in float32, or the network is refused."""
        return tuple(node for node in self.nodes if not OPERATORS[node.operator].in_integers)

    @property
    def size(self) -> int:
        """How many numbers the parameters are."""
        return int(sum(np.size(value) for value in self.parameters.values()))


def why_float(node: Node) -> str:
    """What of a node without integer form has none."""
    return str(node.attributes.get("because") or f"{node.operator} has no integer meaning")
