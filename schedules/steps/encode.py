"""From a stream to stored codes."""

import numpy as np
from numpy.typing import NDArray
from tvm.ir import Expr
from tvm.tirx import Buffer

from schedules.steps.elementwise import Elements
from schedules.steps.lanes import STREAM_RANGE, Lanes
from schedules.steps.levels import look_up, pack_levels
from schedules.steps.maps import Maps
from tvm_srq.steps import Encode

MAX_RATIO = 2**15  # stream values times less stay within int32


def encode_elements(step: Encode, maps: Maps) -> Elements:
    """Constants: ratio, (padded,) float32; padding, (padded,) stored; the ends of the index or of the stored code, (2,)
    int32; then zero, (padded,) int32, what is added to a uniform index, or the table of levels."""
    output, layout = maps.output, maps.layout
    shift = layout.shift(output.low, output.high)
    outside = maps.by_channel(step.outside())
    ends = np.array([step.low, step.high], np.int32)
    if step.uniform:
        added = outside.astype(np.int32) - shift + layout.bias
        stored: list[NDArray] = [ends - shift + layout.bias, added]
    else:
        stored = [ends, pack_levels(layout, maps.device, layout.store(step.levels, shift))]
    constants = [maps.by_channel(step.ratio), layout.store(outside, shift), *map(as_int32, stored[:1]), stored[1]]

    within = bool((np.abs(step.ratio) < MAX_RATIO).all())  # the clip to the index's own range is enough

    def element(lanes: Lanes, values: list[Expr], constants: list[Buffer], channel: Expr) -> Expr:
        ratio, _, ends, last = constants
        index = lanes.rescale(values[0], ratio[lanes.channels(channel)], None if within else STREAM_RANGE)
        if step.uniform:
            return lanes.clamp(index + last[lanes.channels(channel)], ends[0], ends[1])
        return look_up(lanes, layout, last, lanes.clamp(index, ends[0], ends[1]) - lanes.spread(ends[0]))

    return Elements(constants, element, padding=1)


def as_int32(values: NDArray) -> NDArray[np.int32]:
    return values.astype(np.int32)
