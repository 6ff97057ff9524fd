"""Addition of two streams."""

import numpy as np
from tvm.ir import Expr
from tvm.tirx import Buffer, PrimFunc

from schedules.steps.elementwise import elementwise
from schedules.steps.lanes import Lanes
from schedules.steps.maps import Maps
from tvm_srq.steps import Add


def build_add(step: Add, maps: Maps) -> tuple[PrimFunc, list]:
    """Constants: the ratios, (2,) float32."""
    constants = [np.array([step.ratio_a, step.ratio_b], np.float32)]

    def element(lanes: Lanes, values: list[Expr], constants: list[Buffer], channel: Expr) -> Expr:
        a, b = (lanes.rescale(value, lanes.spread(constants[0][number])) for number, value in enumerate(values))
        return lanes.clip_stream(a + b)

    return elementwise(step, maps, constants, element), constants
