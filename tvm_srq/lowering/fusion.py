"""Fusing: which operators run within convolutions, and which values are left to be streams."""

from __future__ import annotations

from functools import cache

import numpy as np

from tvm_srq.graph.graph import PICTURE, Node
from tvm_srq.lowering.chains import Chain, find_chain
from tvm_srq.lowering.codes import CodeNeeds
from tvm_srq.lowering.output import Output
from tvm_srq.operators import OPERATORS
from tvm_srq.spec import QuantSpec


class Fusion:
    """What a quantized network's convolutions do besides their sums.

    Attributes:
        chains: by convolution.
        ends: the same, by the value that a chain makes.
    """

    def __init__(self, spec: QuantSpec, needs: CodeNeeds, output: Output):
        self.graph, self.spec, self.needs, self.output = spec.graph, spec, needs, output
        self.position = {PICTURE: -1, **{node.name: index for index, node in enumerate(self.graph.nodes)}}
        self.chains: dict[str, Chain] = {}
        self.ends: dict[str, Chain] = {}
        for node in self.graph.convolutions():
            chain = find_chain(self.graph, node, lambda add, other, at=node: self.may_add(at, add, other),  # type: ignore[misc]
                               self.may_drop, self.is_left_to_output)  # fmt: skip
            self.chains[node.name] = self.ends[chain.end] = chain

    def may_add(self, convolution: Node, addition: Node, other: str) -> bool:
        """Whether the other operand of an addition is there when a convolution runs, in the same steps and of the same size."""
        made = self.ends[other].node.name if other in self.ends else other
        extents, channels, streams = self.graph.extents, self.graph.channels, self.spec.streams
        return (
            self.position[made] < self.position[convolution.name]
            and extents[other] == extents[addition.name]
            and channels[other] == channels[addition.name]
            and streams.get(other) == streams.get(addition.name)
            and addition.name not in self.output.absorbed
        )

    def may_drop(self, clamp: Node) -> bool:
        """Whether the codes that are made of a clamp's result end at its bounds anyway, or the picture does."""
        if clamp.name == self.graph.output:
            return self.output.result != clamp.name
        if self.stream_needed(clamp.name):
            return False
        low, high = OPERATORS["clamp"].bounds(clamp)  # type: ignore[attr-defined]
        for form in self.needs.forms.get(clamp.name, []):
            zero = form.zero_point.astype(np.int64) if len(form.zero_point) else 0
            ends = form.quantizer.low - zero, form.quantizer.high - zero
            if (np.rint(low / form.steps) > ends[0]).any() or (np.rint(high / form.steps) < ends[1]).any():
                return False
        return True

    def is_left_to_output(self, node: Node) -> bool:
        """Whether the step that makes the picture does a pixel shuffle, because it adds the picture behind it or crops."""
        left = self.output.added is not None or self.output.cropped
        return left and node.operator == "pixel_shuffle" and node.inputs[0] == self.output.value

    @cache  # noqa: B019 - lives as long as the lowering
    def stream_needed(self, name: str) -> bool:
        """Whether anything but convolutions reads a value."""
        if name in self.output.absorbed:
            return False
        if name == self.output.value:
            return True
        return any(self.reads_stream(reader) for reader in self.graph.readers[name])

    def reads_stream(self, reader: Node) -> bool:
        if reader.operator == "convolution":
            return False
        if reader.operator in ("concat", "nearest"):
            return self.stream_needed(reader.name)
        return reader.name not in self.output.absorbed
