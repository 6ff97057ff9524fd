"""Linear and cubic resizing by integer weights."""

from __future__ import annotations

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import PrimFunc

from schedules.steps.frame import Place, build, vector_lanes
from schedules.steps.lanes import STREAM_RANGE, Lanes
from schedules.steps.maps import Maps
from schedules.steps.pad import bounded, bounded_below
from tvm_srq.steps import Resize
from tvm_srq.steps.resize import UNIT

Neighbours = list[tuple[Expr, Expr]]  # index and weight (int64)


def build_resize(step: Resize, maps: Maps) -> tuple[PrimFunc, list]:
    """Weights are computed for every row and pixel, from the extents of both maps."""
    lanes, scope = vector_lanes(maps), "local" if maps.device == "cuda" else "global"

    def prepare(place: Place) -> Neighbours:
        return neighbours(step, place.row, place.extents[0][0], place.output.shape[0], scope)

    def body(place: Place) -> None:
        rows = place.prepared
        columns = neighbours(step, place.column, place.extents[0][1], place.output.shape[1], scope)
        if place.channel is not None:
            write(place, lanes, rows, columns, place.channel)
            return
        with T.serial(0, maps.padded // lanes.count) as vector:
            write(place, lanes, rows, columns, T.bind(vector * lanes.count))

    return build(step, maps, [], body, prepare=prepare), []


def neighbours(step: Resize, output: Expr, size: Expr, count: Expr, scope: str) -> Neighbours:
    """Along one axis, as tvm_srq.steps.resize says; divisions are of numbers that are not negative."""
    if step.coordinates == "half_pixel":
        number, denominator = (2 * output + 1) * size - count, 2 * count
    elif step.coordinates == "align_corners":
        number, denominator = output * (size - 1), bounded_below(count - 1, 1)
    else:
        number, denominator = output * size, count
    if step.mode == "linear":
        number = bounded_below(number, 0)
    number, denominator = held(number, scope), held(denominator, scope)
    first = held(T.truncdiv(number + denominator, denominator) - 1, scope)  # number >= -denominator
    t = held(T.truncdiv((number - first * denominator) * UNIT + T.truncdiv(denominator, T.int64(2)), denominator), scope)
    begin, weights = (0, [UNIT - t, t]) if step.mode == "linear" else (-1, cubic_weights(t))
    return [(held(bounded(first + begin + i, size), scope), held(weight, scope)) for i, weight in enumerate(weights)]


def held(value: Expr, scope: str) -> Expr:
    """A value in memory that the compiler keeps in a register: TVM's simplifier, which takes seconds over such quotients, does
    not look into it."""
    memory = T.alloc_buffer((1,), "int64", scope=scope)
    T.buffer_store(memory, value, [0])
    return memory[0]


def cubic_weights(t: Expr) -> list[Expr]:
    """Of neighbours of a position t / 2048 behind the second one; every quotient is of a number that is not negative."""
    u, square = T.bind(UNIT - t), 4 * UNIT**2
    shift = T.int64(square.bit_length() - 1)
    outer = T.bind(-((3 * t * u * u + square // 2) >> shift))
    inner = [T.bind((5 * v * v * v - 9 * UNIT * v * v + (UNIT * square + square // 2)) >> shift) for v in (t, u)]
    return [outer, *inner, UNIT - outer - inner[0] - inner[1]]


def write(place: Place, lanes: Lanes, rows: Neighbours, columns: Neighbours, channel: Expr) -> None:
    """A row's weighted sum stays within int32, their sum needs int64."""
    total = None
    for row, row_weight in rows:
        across = None
        for column, weight in columns:
            value = lanes.cast(place.load(0, row, column, lanes.channels(channel)), "int32")
            product = value * lanes.spread(T.cast(weight, "int32"))
            across = product if across is None else across + product
        product = lanes.cast(T.bind(across), "int64") * lanes.spread(row_weight)
        total = product if total is None else total + product
    rounded = (total + lanes.spread(T.int64(UNIT**2 // 2))) >> lanes.spread(T.int64(22))
    value = lanes.clamp(lanes.cast(rounded, "int32"), *(T.int32(end) for end in STREAM_RANGE))
    place.store(lanes.cast(value, place.maps.output.dtype), lanes.channels(channel))
