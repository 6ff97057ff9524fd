"""Quantizers belong to values: which values are coded alike, because convolutions read them side by side, and who reads them.

A convolution's sums have one step, so all it reads shares one grid of levels; factors and zero points differ by channel. A value
that several convolutions read is coded once, for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tvm_srq.graph.graph import PICTURE, Graph, Node
from tvm_srq.lowering.chains import picture_map
from tvm_srq.lowering.codes import flattened


@dataclass(frozen=True)
class CodedValues:
    """Values that share one grid.

    Attributes:
        values: their names; pixels that are repeated go by the name of what they repeat.
        first: the first of each one's channels among all channels of the group.
        channels: how many there are in all.
        readers: the convolutions that read them, in execution order.
        parts: by reader, the values that it reads, in order.
    """

    values: tuple[str, ...]
    first: dict[str, int]
    channels: int
    readers: tuple[str, ...]
    parts: dict[str, tuple[str, ...]]

    def channels_of(self, value: str) -> slice:
        """A value's channels among the group's."""
        later = [first for first in self.first.values() if first > self.first[value]]
        return slice(self.first[value], min(later, default=self.channels))

    def index(self, reader: str) -> NDArray[np.int64]:
        """(its input channels,) a reader's channels among the group's."""
        every = np.arange(self.channels)
        return np.concatenate([every[self.channels_of(value)] for value in self.parts[reader]])

    def place(self, reader: str, value: str) -> slice:
        """A value's channels among a reader's."""
        first = 0
        for part in self.parts[reader]:
            own = self.channels_of(part)
            if part == value:
                return slice(first, first + own.stop - own.start)
            first += own.stop - own.start
        raise KeyError(value)


def parts_of(graph: Graph, node: Node) -> tuple[str, ...]:
    """The values that a convolution reads side by side, repeated pixels by what they repeat."""
    return tuple(unrepeated(graph, value) for value in flattened(graph, node.inputs[0]))


def unrepeated(graph: Graph, value: str) -> str:
    while value != PICTURE and graph.node(value).operator == "nearest":
        value = graph.node(value).inputs[0]
    return value


def reads_pixels(graph: Graph, node: Node) -> bool:
    """Whether a convolution reads the picture scaled and shifted: its uint8 pixels are codes already, and exact."""
    return picture_map(graph, node.inputs[0]) is not None


def coded_values(graph: Graph, kind: Callable[[str], Hashable]) -> list[CodedValues]:
    """Groups in the order of their first readers, without the convolutions that read pixels.

    Args:
        kind: of a convolution: only those of one kind share codes (its precision, for one).
    """
    parts = {node.name: parts_of(graph, node) for node in graph.convolutions() if not reads_pixels(graph, node)}
    groups: dict[tuple[Hashable, str], list[str]] = {}
    for name, values in parts.items():
        known = {(kind(name), value): groups.get((kind(name), value)) for value in values}
        joined: list[str] = []
        for members in known.values():
            if members is not None and members is not joined:
                joined += [member for member in members if member not in joined]
        joined.append(name)
        for member in joined:
            groups.update({(kind(name), value): joined for value in parts[member]})
    order = {name: position for position, name in enumerate(parts)}
    different = {id(members): members for members in groups.values()}
    found = [group_of(graph, sorted(members, key=order.__getitem__), parts) for members in different.values()]
    return sorted(found, key=lambda group: order[group.readers[0]])


def group_of(graph: Graph, readers: list[str], parts: dict[str, tuple[str, ...]]) -> CodedValues:
    first: dict[str, int] = {}
    channels = 0
    for value in (value for reader in readers for value in parts[reader]):
        if value not in first:
            first[value] = channels
            channels += graph.channels[value]
    return CodedValues(tuple(first), first, channels, tuple(readers), {name: parts[name] for name in readers})
