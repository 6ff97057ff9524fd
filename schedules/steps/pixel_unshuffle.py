"""Positions become channels."""

from tvm.ir import Expr
from tvm.tirx import PrimFunc

from schedules.steps.elementwise import within
from schedules.steps.frame import Place
from schedules.steps.gather import gather
from schedules.steps.maps import Maps
from tvm_srq.steps import PixelUnshuffle


def build_pixel_unshuffle(step: PixelUnshuffle, maps: Maps) -> tuple[PrimFunc, list]:
    factor = step.factor

    def element(place: Place, channel: Expr) -> Expr:
        position = channel % factor**2
        row, column = place.row * factor + position // factor, place.column * factor + position % factor
        return place.load(0, *within(place, row, column), channel // factor**2)

    return gather(step, maps, [], element), []
