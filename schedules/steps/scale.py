"""Affine maps of a stream by channel, bent at zero."""

import numpy as np
from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer

from schedules.steps.elementwise import Elements
from schedules.steps.lanes import Lanes
from schedules.steps.maps import Maps
from tvm_srq.steps import Scale
from tvm_srq.steps.scale import MAX_PRODUCT


def scale_elements(step: Scale, maps: Maps) -> Elements:
    """Constants: positive, negative, (padded,) float32; offset, (padded,) int32; the range's ends, (2,) int32."""
    constants = [*map(maps.by_channel, (step.positive, step.negative, step.offset)), np.array([step.low, step.high], np.int32)]

    def element(lanes: Lanes, values: list[Expr], constants: list[Buffer], channel: Expr) -> Expr:
        (value,), (*by_channel, ends) = values, constants
        positive, negative, offset = (constant[lanes.channels(channel)] for constant in by_channel)
        multiplier = T.Select(value >= lanes.integer(0), positive, negative)
        product = lanes.rescale(value, multiplier, (-MAX_PRODUCT, MAX_PRODUCT))
        return lanes.clamp(product + offset, ends[0], ends[1])

    return Elements(constants, element)
