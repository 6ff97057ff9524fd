"""What is fused behind each convolution: the chain of operators that only its result goes through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from tvm_srq.affine import Affine
from tvm_srq.graph.graph import PICTURE, Graph, Node
from tvm_srq.operators import OPERATORS, affine, prelu


@dataclass(frozen=True)
class Chain:
    """A convolution and its epilogue, in the order affine maps, activation, pixel shuffle, addition.

    Attributes:
        node: the convolution.
        nodes: names of all that is fused, the convolution's first; the last one's value is the chain's.
        affines: maps after the sum of products, per channel of the convolution, in dataflow order.
        slope: (O,) slope for negative values, or None: linear.
        shuffle: the pixel shuffle's factor, 1 for none.
        skip: the value that is added, or None.
    """

    node: Node
    nodes: tuple[str, ...]
    affines: tuple[Affine, ...]
    slope: NDArray[np.float64] | None = None
    shuffle: int = 1
    skip: str | None = None

    @property
    def end(self) -> str:
        return self.nodes[-1]

    def behind(self, node: Node, **changes: object) -> Chain:
        """The chain with another node fused."""
        return replace(self, nodes=(*self.nodes, node.name), **changes)  # type: ignore[arg-type]


MayAdd = Callable[[Node, str], bool]
"""(addition, the other operand) -> whether a convolution can add the operand's stream when it runs."""
MayDrop = Callable[[Node], bool]
"""clamp -> whether whatever reads it clips at its bounds anyway."""


def find_chain(graph: Graph, node: Node, may_add: MayAdd, may_drop: MayDrop, keep_shuffle_apart: Callable[[Node], bool]) -> Chain:
    """The longest chain behind a convolution."""
    bias = graph.parameter(node, "bias")
    channels = graph.channels[node.name]
    chain = Chain(node, (node.name,), (Affine.of(1.0, 0.0 if bias is None else bias, channels),))
    while (reader := only_reader(graph, chain.end)) is not None and not keep_shuffle_apart(reader):
        longer = fused(graph, chain, reader, may_add, may_drop)
        if longer is None:
            break
        chain = longer
    return chain


def only_reader(graph: Graph, name: str) -> Node | None:
    """The node that alone reads a value, once."""
    readers = graph.readers[name]
    return readers[0] if len(readers) == 1 and name != graph.output else None


def fused(graph: Graph, chain: Chain, reader: Node, may_add: MayAdd, may_drop: MayDrop) -> Chain | None:
    """The chain with its reader, or None if that cannot be fused."""
    if chain.skip is not None:
        return None
    if reader.operator == "affine":
        return scaled(graph, chain, reader)
    if reader.operator == "prelu" and chain.slope is None:
        slope = cast(prelu.PReLU, OPERATORS["prelu"]).slope(reader, graph)
        return chain.behind(reader, slope=np.repeat(slope, chain.shuffle**2))
    if reader.operator == "pixel_shuffle" and chain.shuffle == 1:
        return chain.behind(reader, shuffle=reader.attributes["factor"])
    if reader.operator == "clamp" and may_drop(reader):
        return chain.behind(reader)
    if reader.operator == "add":
        other = next((name for name in reader.inputs if name != chain.end), None)
        if other is not None and may_add(reader, other):
            return chain.behind(reader, skip=other)
    return None


def scaled(graph: Graph, chain: Chain, reader: Node) -> Chain | None:
    """An affine map before the activation; one behind it only if it commutes with it."""
    this = cast(affine.Affine, OPERATORS["affine"]).map(reader, graph).repeat(chain.shuffle**2)
    if chain.slope is not None and ((this.multiplier <= 0).any() or this.offset.any()):
        return None
    return chain.behind(reader, affines=(*chain.affines, this))


def picture_map(graph: Graph, name: str) -> Affine | None:
    """The affine map from pixels (0..255) to a value that is the picture scaled and shifted, or None if it is anything else.

    Also where colours are scaled differently: pixels are exact codes of one step.
    """
    found = scaled_picture(graph, name)
    return found if found is not None and (found.multiplier == found.multiplier[0]).all() else None


def scaled_picture(graph: Graph, name: str) -> Affine | None:
    """As :func:`picture_map`, of any multipliers."""
    if name == PICTURE:
        return Affine.of(graph.picture.pixel, 0.0, graph.picture.channels)
    node = graph.node(name)
    if node.operator != "affine":
        return None
    inner = scaled_picture(graph, node.inputs[0])
    return None if inner is None else inner.then(cast(affine.Affine, OPERATORS["affine"]).map(node, graph))
