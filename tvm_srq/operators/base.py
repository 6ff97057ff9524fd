"""What every operator of a graph says of itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from tvm_srq.errors import UserError
from tvm_srq.extent import Extent

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Graph, Node
    from tvm_srq.lowering.lowering import Lowering


Size = tuple[int, int]


class Operator(ABC):
    """An operator: its float meaning here, its integer meaning in :meth:`lower`.

    Attributes:
        name: what nodes call it.
        arity: how many inputs it takes; None for any number from one.
        attributes, parameters: the names a node may have, to be checked when a graph is read.
        optional: those of them that need not be there.
        keeps_values: its results are values of its inputs, so they share the inputs' stream step.
        in_integers: it has an integer form: :meth:`lower` does not refuse.
    """

    name: ClassVar[str]
    arity: ClassVar[int | None] = 1
    attributes: ClassVar[frozenset[str]] = frozenset()
    parameters: ClassVar[frozenset[str]] = frozenset()
    optional: ClassVar[frozenset[str]] = frozenset()
    keeps_values: ClassVar[bool] = False
    in_integers: ClassVar[bool] = True

    @abstractmethod
    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        """The float result, (N, C, *size), of (N, C, H, W) inputs, with gradients; ``parameters`` by role."""

    @abstractmethod
    def lower(self, node: Node, lowering: Lowering) -> None:
        """Emit the integer steps that compute the node's stream from its inputs' streams."""

    def channels(self, node: Node, inputs: list[int], graph: Graph) -> int:
        """Channels of the result."""
        return inputs[0]

    def extent(self, node: Node, inputs: list[Extent]) -> Extent:
        """Rows and columns of the result."""
        return inputs[0]

    def check(self, node: Node, graph: Graph) -> None:
        """Raises UserError where a node's attributes and parameters are not what the operator takes."""
        wrong_count = not node.inputs if self.arity is None else len(node.inputs) != self.arity
        unknown = (set(node.attributes) - self.attributes) | (set(node.parameters) - self.parameters)
        missing = (self.attributes | self.parameters) - self.optional - set(node.attributes) - set(node.parameters)
        lacking = set(node.parameters.values()) - set(graph.parameters)
        if wrong_count or unknown or missing or lacking or not all(map(valid, node.attributes.items())):
            raise UserError(f"node {node.name} is no valid {self.name}: quantize the network again")


LEAST = {
    "factor": 1, "kernel": 1, "stride": 1, "multiple": 1, "groups": 1, "padding": 0, "start": 0, "cut": 0, "before": 0,
    "after": 0,
}  # fmt: skip
"""The least that attributes of these names, which are whole numbers, may be."""


LARGEST = 1 << 20
"""The most that they may be."""


def valid(attribute: tuple[str, Any]) -> bool:
    """Whether an attribute is a whole number within its bounds, or the terms of an extent, where it has to be."""
    name, value = attribute
    if name == "extent":
        return isinstance(value, list) and all(isinstance(t, list) and [type(n) for n in t] == [int] * 3 for t in value)
    return name not in LEAST or (type(value) is int and LEAST[name] <= value <= LARGEST)


def check_per_channel(node: Node, graph: Graph) -> None:
    """Raises UserError where parameters have neither one value nor one for each channel."""
    sizes = {graph.parameters[key].shape for key in node.parameters.values()}
    if not sizes <= {(1,), (graph.channels[node.name],)}:
        raise UserError(f"node {node.name} has parameters for other channels than there are: quantize the network again")


def check_side_by_side(node: Node, graph: Graph) -> None:
    """Raises UserError where inputs differ in rows or columns and none but single pixels do."""
    extents = {graph.extents[name] for name in node.inputs if not graph.extents[name].one}
    lengths = range(graph.smallest, graph.smallest + 64)
    if len(extents) > 1 and len({tuple(map(extent, lengths)) for extent in extents}) > 1:
        raise UserError(f"node {node.name} combines values of different sizes: quantize the network again")


def flat(values: Tensor) -> Tensor:
    """(C,) -> (C, 1, 1), to broadcast over (N, C, H, W)."""
    return values.reshape(-1, 1, 1)
