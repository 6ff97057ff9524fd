"""Plan: how every tensor lies in memory, from who reads what: halos, slices of wide maps, sums in place."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any

from tvm import IRModule, ir, relax

from relay_passes.operators import attribute, bindings, call, is_access, is_call
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
        builder, main = relax.BlockBuilder(), self.module["main"]
        values: dict[ir.Expr, ir.Expr] = {main.params[0]: main.params[0]}
        with builder.function("main", [main.params[0]]):
            with builder.dataflow():
                for variable, value in bindings(main):
                    if is_access(value):
                        values[variable] = builder.emit(relax.TupleGetItem(values[value.tuple_value], value.index))
                    elif isinstance(value, ir.Call):
                        values[variable] = builder.emit(self.planned(value, values))
                    else:
                        values[variable] = values[value]
                output = builder.emit_output(values[main.body.body])
            builder.emit_func_output(output)
        return builder.get().with_attrs(dict(self.module.attrs))

    def planned(self, value: ir.Call, values: dict[ir.Expr, ir.Expr]) -> ir.Call:
        about = {key: value.attrs[key] for key in value.attrs.keys()}  # noqa: SIM118
        names = [*attribute(value, "sources"), *attribute(value, "outputs")]
        about[MEMORY] = json.dumps([asdict(self.stored(name)) for name in names])
        about[IN_PLACE] = int(self.in_place(value))
        return call(value.op.name, [values.get(operand, operand) for operand in value.args], value.ty, **about)

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
