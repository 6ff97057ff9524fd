"""The picture as a stream."""

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import PrimFunc

from schedules.steps.frame import Place
from schedules.steps.gather import gather
from schedules.steps.lanes import Lanes
from schedules.steps.maps import Maps
from tvm_srq.steps import PictureStream


def build_picture_stream(step: PictureStream, maps: Maps) -> tuple[PrimFunc, list]:
    """Constants: multiplier, (channels,) float32; offset, (channels,) int32."""
    constants = [step.multiplier, step.offset]
    lanes = Lanes(1, maps.device)

    def element(place: Place, channel: Expr) -> Expr:
        multiplier, offset = (constant[channel] for constant in place.constants)
        pixel = T.cast(place.load(0, place.row, place.column, channel), "float32")
        return lanes.clip_stream(lanes.round(pixel * multiplier) + offset)

    return gather(step, maps, constants, element), constants
