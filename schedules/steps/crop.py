"""A part of a stream."""

from tvm.tirx import PrimFunc

from schedules.steps.elementwise import Reading, elementwise, within
from schedules.steps.maps import Maps
from tvm_srq.steps import Crop


def build_crop(step: Crop, maps: Maps) -> tuple[PrimFunc, list]:
    reading = Reading(lambda place: within(place, place.row + step.top, place.column + step.left))
    return elementwise(step, maps, [], lambda lanes, values, *_: values[0], reading), []
