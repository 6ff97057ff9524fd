"""Several elementwise steps in one pass: values stay in registers from one to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer, PrimFunc

from schedules.steps.add import add_elements
from schedules.steps.elementwise import Elements
from schedules.steps.encode import encode_elements
from schedules.steps.frame import CUDA_CHANNELS, Place, build, vector_lanes
from schedules.steps.lanes import Lanes
from schedules.steps.lookup import lookup_elements
from schedules.steps.maps import Maps
from schedules.steps.multiply import multiply_elements
from schedules.steps.scale import scale_elements
from tvm_srq.steps import Fused

ELEMENTS: dict[str, Callable[[Any, Maps], Elements]] = {
    "add": add_elements, "encode": encode_elements, "lookup": lookup_elements, "multiply": multiply_elements,
    "scale": scale_elements,
}  # fmt: skip


@dataclass(frozen=True)
class Parts:
    """The members' elements, and where each one's constants begin among all."""

    step: Fused
    elements: list[Elements]
    begins: list[int]

    def results(self, lanes: Lanes, sources: list[Expr], constants: list[Buffer], channel: Expr) -> list[Expr]:
        """What the written members make of one element (or vector) of every source, int32 or stored codes."""
        values = list(sources)
        for member, its, begin in zip(self.step.members, self.elements, self.begins, strict=True):
            own = constants[begin : begin + len(its.constants)]
            values.append(T.bind(its.element(lanes, [values[i] for i in member.operands], own, channel)))
        return [values[len(sources) + i] for i in self.step.outputs]


def build_fused(step: Fused, maps: Maps) -> tuple[PrimFunc, list]:
    """Constants: those of the members, one member's after another's."""
    written = dict(zip(step.outputs, maps.outputs, strict=True))
    elements, begins, constants, paddings = [], [], [], {}
    for number, member in enumerate(step.members):
        its = ELEMENTS[member.step.name](member.step, replace(maps, output=written.get(number, maps.output)))
        if its.padding is not None:
            paddings[step.outputs.index(number)] = len(constants) + its.padding
        elements.append(its)
        begins.append(len(constants))
        constants += its.constants
    parts = Parts(step, elements, begins)
    body = write_on_cuda if maps.device == "cuda" else write_vectors
    return build(step, maps, constants, lambda place: body(parts, place), CUDA_CHANNELS, paddings), constants


def write_vectors(parts: Parts, place: Place) -> None:
    """All vectors of a pixel."""
    lanes = vector_lanes(place.maps)
    with T.serial(0, place.maps.padded // lanes.count) as vector:
        channel = T.bind(vector * lanes.count)
        sources = []
        for number, first in enumerate(parts.step.firsts):
            loaded = place.load(number, *position(parts, place, number), lanes.channels(channel + first))
            sources.append(T.bind(lanes.cast(loaded, "int32")))
        for number, value in enumerate(parts.results(lanes, sources, place.constants, channel)):
            place.store(lanes.cast(value, place.maps.outputs[number].dtype), lanes.channels(channel), number)


def write_on_cuda(parts: Parts, place: Place) -> None:
    """A thread's channels: loaded and stored together, computed one by one."""
    lanes, maps, every = Lanes(1, "cuda"), place.maps, T.ramp(0, 1, CUDA_CHANNELS)
    assert place.channel is not None
    loaded = []
    for number, first in enumerate(parts.step.firsts):
        values = T.alloc_buffer((CUDA_CHANNELS,), maps.sources[number].dtype, scope="local")
        # channels that pad the output may lie behind the source's: any will do for them
        begin = T.bind(T.min(place.channel + first, maps.sources[number].stored - CUDA_CHANNELS)) if first else place.channel
        where = T.ramp(begin, 1, CUDA_CHANNELS)
        T.buffer_store(values, place.load(number, *position(parts, place, number), where), [every])
        loaded.append(values)
    results = [T.alloc_buffer((CUDA_CHANNELS,), output.dtype, scope="local") for output in maps.outputs]
    with T.unroll(0, CUDA_CHANNELS) as i:
        sources = [T.bind(T.cast(values[i], "int32")) for values in loaded]
        made = parts.results(lanes, sources, place.constants, place.channel + i)
        for values, value, output in zip(results, made, maps.outputs, strict=True):
            T.buffer_store(values, T.cast(value, output.dtype), [i])
    for number, values in enumerate(results):
        place.store(values[every], T.ramp(place.channel, 1, CUDA_CHANNELS), number)


def position(parts: Parts, place: Place, number: int) -> tuple[Expr, Expr]:
    """Row and column of a source."""
    return (T.int64(0), T.int64(0)) if number in parts.step.single_pixels else (place.row, place.column)
