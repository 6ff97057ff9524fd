"""One node of an ONNX file, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tvm_srq.graph.sources.calls import Call
from tvm_srq.graph.sources.sizes import Length

PADDINGS = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")


@dataclass(frozen=True)
class Operation:
    """A node.

    Attributes:
        operator: its type; those of other domains than ONNX's own with the domain in front.
        name: what the file calls it.
        inputs, outputs: names of tensors; ``""`` for one left out.
        attributes: numbers, strings, lists, arrays.
        opset: the version of ONNX's operators that the file uses.
        module, kind: path and class of the PyTorch module that it was exported from, as far as the exporter tells.
    """

    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    opset: int = 23
    module: str = ""
    kind: str = ""

    def input(self, index: int) -> str:
        """An input's name, ``""`` where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def attribute(self, name: str, default: Any = None) -> Any:
        return self.attributes.get(name, default)

    def call(self, target: str, shape: Sequence[Length] = ()) -> Call:
        """As handlers of PyTorch's operators want it: ``target`` names nodes, ``shape`` is the result's where they need it."""
        return Call(self.name, target, {}, tuple(shape), self.module, self.kind)

    def __str__(self) -> str:
        return f"node {self.name} ({self.operator})"
