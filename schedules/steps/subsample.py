"""Every n-th pixel of a stream."""

from tvm.tirx import PrimFunc

from schedules.steps.elementwise import Reading, elementwise, within
from schedules.steps.maps import Maps
from tvm_srq.steps import Subsample


def build_subsample(step: Subsample, maps: Maps) -> tuple[PrimFunc, list]:
    reading = Reading(lambda place: within(place, *(at * step.stride + step.start for at in (place.row, place.column))))
    return elementwise(step, maps, [], lambda lanes, values, *_: values[0], reading), []
