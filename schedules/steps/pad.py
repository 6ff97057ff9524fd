"""Rows and columns around a stream."""

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import PrimFunc

from schedules.steps.elementwise import Reading, elementwise
from schedules.steps.frame import Place
from schedules.steps.maps import Maps
from tvm_srq.steps import Pad, PadToMultiple


def build_pad(step: Pad | PadToMultiple, maps: Maps) -> tuple[PrimFunc, list]:
    """Of padding below and right the output's extent tells how much there is."""
    top, left = (step.top, step.left) if isinstance(step, Pad) else (0, 0)

    def position(place: Place) -> tuple[Expr, Expr]:
        rows, columns = place.extents[0]
        return source_of(step.mode, place.row - top, rows), source_of(step.mode, place.column - left, columns)

    def inside(place: Place) -> Expr:
        rows, columns = place.extents[0]
        row, column = place.row - top, place.column - left
        return T.And(T.And(row >= 0, row < rows), T.And(column >= 0, column < columns))

    reading = Reading(position, inside=inside if step.mode == "zeros" else None)
    return elementwise(step, maps, [], lambda lanes, values, *_: values[0], reading), []


def source_of(mode: str, position: Expr, size: Expr) -> Expr:
    """Where a position takes its value from (tvm_srq.steps.pad.source_of)."""
    if mode != "reflect":
        return bounded(position, size)
    last = size - 1
    period = bounded_below(2 * last, 1)
    magnitude = T.bind(T.Select(position < 0, -position, position))  # a mirror is even
    folded = T.bind(T.truncmod(magnitude, period))
    return T.Select(folded < size, folded, bounded_below(period - folded, 0))


def bounded(position: Expr, size: Expr) -> Expr:
    """Within 0..size - 1."""
    return T.Select(position < 0, T.int64(0), T.Select(position < size, position, size - 1))


def bounded_below(value: Expr, least: int) -> Expr:
    return T.Select(value < least, T.int64(least), value)
