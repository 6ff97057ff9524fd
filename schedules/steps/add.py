"""Addition of two streams."""

import numpy as np
from tvm.ir import Expr
from tvm.tirx import Buffer

from schedules.steps.elementwise import Elements
from schedules.steps.lanes import Lanes
from schedules.steps.maps import Maps
from tvm_srq.steps import Add


def add_elements(step: Add, maps: Maps) -> Elements:
    """Constants: the ratios, (2,) float32."""
    constants = [np.array([step.ratio_a, step.ratio_b], np.float32)]

    def element(lanes: Lanes, values: list[Expr], constants: list[Buffer], channel: Expr) -> Expr:
        a, b = (
            value if ratio == 1 else lanes.rescale(value, lanes.spread(constants[0][number]))
            for number, (value, ratio) in enumerate(zip(values, (step.ratio_a, step.ratio_b), strict=True))
        )
        return lanes.clip_stream(a + b)

    return Elements(constants, element)
