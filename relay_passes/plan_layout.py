"""Plan: how every tensor lies in memory, from who reads what: halos, slices of wide maps, sums in place."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any

from tvm import IRModule, ir, relax

from relay_passes.operators import Values, attribute, attributes, bindings, call, is_call, rebuilt
from schedules.steps.maps import StoredMap
from schedules.workload import Layout

CONVOLUTION = "srq.convolution"
MEMORY, IN_PLACE = "memory", "in_place"
"""Attributes of calls: StoredMaps of the sources and the outputs, and whether the stream is written over the skip's."""


def plan_layout(layout: Layout) -> Callable[[IRModule], IRModule]:
    """The pass for one target's layout."""
    return lambda module: Planner(layout, module).run()


@dataclass(frozen=True)
class PlannedMap:
    """A map of codes: ``offsets`` and ``stored`` channels in memory, ``halo``, range of its codes."""

    offsets: dict[str, int]
    stored: int
    halo: int
    low: int
    high: int


class Planner:
    """Reads the calls, then says of each how its tensors lie."""

    def __init__(self, layout: Layout, module: IRModule):
        self.layout, self.module = layout, module
        self.calls = [value for _, value in bindings(module["main"]) if isinstance(value, ir.Call)]
        self.uses = Counter(name for value in self.calls for name in attribute(value, "sources"))
        self.tensors = {name: tensor for value in self.calls for name, tensor in named_tensors(value)}
        self.maps = {name: self.plan_map(name, about) for name, about in json.loads(str(module.attrs["srq.maps"])).items()}

    def run(self) -> IRModule:
        return rebuilt(self.module, self.planned)

    def planned(self, builder: relax.BlockBuilder, value: ir.Call, values: Values) -> relax.Var:
        names = [*attribute(value, "sources"), *attribute(value, "outputs")]
        memory = json.dumps([asdict(self.stored(name)) for name in names])
        about = attributes(value) | {MEMORY: memory, IN_PLACE: int(self.in_place(value))}
        return builder.emit(call(value.op.name, [values.get(operand, operand) for operand in value.args], value.ty, **about))

    def plan_map(self, name: str, about: dict[str, Any]) -> PlannedMap:
        parts, low, high = about["parts"], about["low"], about["high"]
        ends = list(accumulate(self.layout.padded(self.tensors[part]["channels"]) for part in parts))
        offsets = dict(zip(parts, [0, *ends]))
        reaches = [kernel_of(value) // 2 for value in self.calls if is_call(value, CONVOLUTION) and self.reads(value, name)]
        halo = max(reaches, default=0) if self.layout.has_halo else 0
        return PlannedMap(offsets, ends[-1], halo, low, high)

    def reads(self, value: ir.Call, name: str) -> bool:
        return any(self.tensors[source]["map"] == name for source in attribute(value, "sources"))

    def stored(self, name: str) -> StoredMap:
        """How a tensor lies in memory. The picture lies as the caller gives and takes it."""
        tensor = self.tensors[name]
        kind, channels = tensor["kind"], tensor["channels"]
        if kind == "picture":
            return StoredMap(kind, channels, channels, 0, "uint8")
        if kind == "stream":
            return StoredMap(kind, channels, self.layout.padded(channels), 0, "int16")
        its = self.maps[tensor["map"]]
        return StoredMap(kind, channels, its.stored, its.halo, self.layout.storage, its.low, its.high, its.offsets[name])

    def in_place(self, value: ir.Call) -> bool:
        """Whether a convolution may write its stream over the skip's: nothing else reads that."""
        if not is_call(value, CONVOLUTION):
            return False
        scalars, sources = attribute(value, "scalars"), attribute(value, "sources")
        return scalars["adds_skip"] and scalars["writes_stream"] and self.uses[sources[-1]] == 1


def named_tensors(value: ir.Call) -> list[tuple[str, dict[str, Any]]]:
    names = [*attribute(value, "sources"), *attribute(value, "outputs")]
    return list(zip(names, attribute(value, "tensors"), strict=True))


def kernel_of(value: ir.Call) -> int:
    """A convolution's kernel size."""
    weight = value.args[len(attribute(value, "sources")) + attribute(value, "arrays").index("weight")]
    return int(weight.ty.shape[2])
