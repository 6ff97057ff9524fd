"""Channels become positions."""

from tvm.ir import Expr
from tvm.tirx import PrimFunc

from schedules.steps.frame import Place
from schedules.steps.gather import gather
from schedules.steps.maps import Maps
from tvm_srq.steps import PixelShuffle


def build_pixel_shuffle(step: PixelShuffle, maps: Maps) -> tuple[PrimFunc, list]:
    factor = step.factor

    def element(place: Place, channel: Expr) -> Expr:
        position = place.row % factor * factor + place.column % factor
        return place.load(0, place.row // factor, place.column // factor, channel * factor**2 + position)

    return gather(step, maps, [], element), []
