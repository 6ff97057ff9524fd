"""Windows of a stream: their largest values, and their averages."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import PrimFunc

from schedules.steps.frame import Place, build, vector_lanes
from schedules.steps.lanes import STREAM_RANGE, Lanes
from schedules.steps.maps import Maps
from tvm_srq.steps import AveragePool, MaxPool


def build_max_pool(step: MaxPool, maps: Maps) -> tuple[PrimFunc, list]:
    return pool(step, maps, [], STREAM_RANGE[0], T.max, lambda lanes, largest, place: largest), []


def build_average_pool(step: AveragePool, maps: Maps) -> tuple[PrimFunc, list]:
    """Constants: float32(1 / kernel**2), (1,)."""
    constants = [np.array([step.ratio], np.float32)]

    def finish(lanes: Lanes, total: Expr, place: Place) -> Expr:
        return lanes.rescale(total, lanes.spread(place.constants[0][0]))

    return pool(step, maps, constants, 0, lambda total, value: total + value, finish), constants


def pool(
    step: MaxPool | AveragePool, maps: Maps, constants: list[NDArray], start: int, combine: Callable[[Expr, Expr], Expr],
    finish: Callable[[Lanes, Expr, Place], Expr],
) -> PrimFunc:  # fmt: skip
    """``finish`` of what ``combine`` makes of ``start`` and a window's values; positions outside the map are left out."""
    lanes = vector_lanes(maps)

    def body(place: Place) -> None:
        if place.channel is not None:
            write(place, place.channel)
            return
        with T.serial(0, maps.padded // lanes.count) as vector:
            write(place, T.bind(vector * lanes.count))

    def write(place: Place, channel: Expr) -> None:
        rows, columns = place.extents[0]
        total = T.alloc_buffer((lanes.count,), "int32", scope="local" if lanes.device == "cuda" else "global")
        every = lanes.channels(0)
        T.buffer_store(total, lanes.integer(start), [every])
        with T.serial(0, step.kernel) as y, T.serial(0, step.kernel) as x:
            row, column = place.row * step.stride + y - step.padding, place.column * step.stride + x - step.padding
            row, column = T.bind(row), T.bind(column)
            with T.If(T.And(T.And(row >= 0, row < rows), T.And(column >= 0, column < columns))), T.Then():
                value = lanes.cast(place.load(0, row, column, lanes.channels(channel)), "int32")
                T.buffer_store(total, combine(total[every], value), [every])
        place.store(lanes.cast(finish(lanes, total[every], place), maps.output.dtype), lanes.channels(channel))

    return build(step, maps, constants, body)
