"""Products of two streams."""

import numpy as np
from tvm.ir import Expr
from tvm.tirx import Buffer

from schedules.steps.elementwise import Elements, Reading
from schedules.steps.lanes import Lanes
from schedules.steps.maps import Maps
from tvm_srq.steps import Multiply


def multiply_elements(step: Multiply, maps: Maps) -> Elements:
    """Constants: the ratio, (1,) float32."""
    constants = [np.array([step.ratio], np.float32)]

    def element(lanes: Lanes, values: list[Expr], constants: list[Buffer], channel: Expr) -> Expr:
        return lanes.rescale(values[0] * values[1], lanes.spread(constants[0][0]))

    reading = Reading(one_channel=(1,) if step.broadcast == "channel" else ())
    return Elements(constants, element, reading)
