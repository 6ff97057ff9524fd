"""Steps whose output channels depend on the same channels of their inputs: written as the arithmetic of one element."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray
from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer, PrimFunc

from schedules.steps.frame import CUDA_CHANNELS, Place, build, vector_lanes
from schedules.steps.lanes import Lanes
from schedules.steps.maps import Maps
from tvm_srq.steps import Step

# (lanes, int32 values of every source, constants, index of the first channel) -> int32 lanes, or the output's dtype
Element = Callable[[Lanes, list[Expr], list[Buffer], Expr], Expr]
Position = Callable[[Place], tuple[Expr, Expr]]


@dataclass(frozen=True)
class Reading:
    """How an output element finds its inputs.

    Attributes:
        position: (place) -> row and column in every source that is no single pixel.
        one_channel: numbers of sources that have one channel for all.
        inside: (place) -> whether the position lies in the map; elsewhere the source's value is 0.
    """

    position: Position = field(default=lambda place: (place.row, place.column))
    one_channel: tuple[int, ...] = ()
    inside: Callable[[Place], Expr] | None = None


def within(place: Place, row: Expr, column: Expr) -> tuple[Expr, Expr]:
    """A place of the first source, or its last row or column: where a map's size is the file's word alone, it may be wrong."""
    rows, columns = place.extents[0]
    return T.Select(row < rows, row, rows - 1), T.Select(column < columns, column, columns - 1)


@dataclass(frozen=True)
class Elements:
    """The arithmetic of one element, and its numbers.

    Attributes:
        constants: of the kernel.
        element: the arithmetic; it is given the constants' buffers.
        reading: how an element finds its inputs.
        padding: number of the constant that holds the stored codes of a real zero, where codes are made.
    """

    constants: list[NDArray]
    element: Element
    reading: Reading = field(default_factory=Reading)
    padding: int | None = None


def builder_of(elements_of: Callable[[Any, Maps], Elements]) -> Callable[[Any, Maps], tuple[PrimFunc, list]]:
    """(step, maps) -> PrimFunc and constants of a step by itself, whose elements these are."""

    def build_step(step: Step, maps: Maps) -> tuple[PrimFunc, list]:
        made = elements_of(step, maps)
        return elementwise(step, maps, made.constants, made.element, made.reading, made.padding), made.constants

    return build_step


def elementwise(
    step: Step, maps: Maps, constants: list[NDArray], element: Element, reading: Reading | None = None, padding: int | None = None
) -> PrimFunc:
    """The PrimFunc that computes ``element`` for every output pixel and channel, padding channels included."""
    reading = reading or Reading()

    def body(place: Place) -> None:
        write = write_on_cuda if maps.device == "cuda" else write_vectors
        write(step, place, reading, element)

    return build(step, maps, constants, body, CUDA_CHANNELS, padding)


def write_vectors(step: Step, place: Place, reading: Reading, element: Element) -> None:
    """All vectors of a pixel."""
    lanes = vector_lanes(place.maps)
    positions, inside = places_of(step, place, reading)
    with T.serial(0, place.maps.padded // lanes.count) as vector:
        first = T.bind(vector * lanes.count)
        values = []
        for number, (row, column) in enumerate(positions):
            if number in reading.one_channel:
                values.append(lanes.spread(T.cast(place.load(number, row, column, 0), "int32")))
            else:
                values.append(lanes.cast(place.load(number, row, column, lanes.channels(first)), "int32"))
        values = [T.bind(value if inside is None else value * lanes.spread(inside)) for value in values]
        result = element(lanes, values, place.constants, first)
        place.store(lanes.cast(result, place.maps.output.dtype), lanes.channels(first))


def write_on_cuda(step: Step, place: Place, reading: Reading, element: Element) -> None:
    """A thread's channels: loaded and stored together, computed one by one."""
    lanes, maps = Lanes(1, "cuda"), place.maps
    assert place.channel is not None
    together, every = T.ramp(place.channel, 1, CUDA_CHANNELS), T.ramp(0, 1, CUDA_CHANNELS)
    positions, inside = places_of(step, place, reading)
    loaded = []
    for number, (row, column) in enumerate(positions):
        one = number in reading.one_channel
        values = T.alloc_buffer((1 if one else CUDA_CHANNELS,), maps.sources[number].dtype, scope="local")
        at = (0, 0) if one else (together, every)
        T.buffer_store(values, place.load(number, row, column, at[0]), [at[1]])
        loaded.append(values)
    results = T.alloc_buffer((CUDA_CHANNELS,), maps.output.dtype, scope="local")
    with T.unroll(0, CUDA_CHANNELS) as i:
        inputs = [T.cast(v[0 if n in reading.one_channel else i], "int32") for n, v in enumerate(loaded)]
        inputs = [T.bind(value if inside is None else value * inside) for value in inputs]
        value = element(lanes, inputs, place.constants, place.channel + i)
        T.buffer_store(results, T.cast(value, maps.output.dtype), [i])
    place.store(results[every], together)


def places_of(step: Step, place: Place, reading: Reading) -> tuple[list[tuple[Expr, Expr]], Expr | None]:
    """(row, column) in every source, and 1 or 0 (int32) for inside or not."""
    row, column = (T.bind(index) for index in reading.position(place))
    zero = T.int64(0)
    positions = [(zero, zero) if n in step.single_pixels else (row, column) for n in range(len(place.sources))]
    inside = None if reading.inside is None else T.bind(T.cast(reading.inside(place), "int32"))
    return positions, inside
