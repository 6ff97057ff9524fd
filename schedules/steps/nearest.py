"""Pixels repeated."""

from tvm.tirx import PrimFunc

from schedules.steps.elementwise import Reading, elementwise
from schedules.steps.maps import Maps
from tvm_srq.steps import Nearest


def build_nearest(step: Nearest, maps: Maps) -> tuple[PrimFunc, list]:
    """Constants: for codes, padding, (padded,) stored."""
    constants, padding = [], None
    if maps.output.kind == "codes":
        shift = maps.layout.shift(maps.output.low, maps.output.high)
        constants, padding = [maps.layout.store(maps.by_channel(step.zero_point), shift)], 0
    reading = Reading(lambda place: (place.row // step.factor, place.column // step.factor))
    return elementwise(step, maps, constants, lambda lanes, values, *_: values[0], reading, padding), constants
