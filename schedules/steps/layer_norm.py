"""Normalization over the channels of each pixel: sums in int64, one root and one quotient in float64."""

from __future__ import annotations

import numpy as np
from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import PrimFunc

from schedules.steps.frame import Place, build, vector_lanes
from schedules.steps.lanes import STREAM_RANGE, Lanes
from schedules.steps.maps import Maps
from schedules.steps.reduce import running_sum
from tvm_srq.steps import LayerNorm


def build_layer_norm(step: LayerNorm, maps: Maps) -> tuple[PrimFunc, list]:
    """Constants: epsilon and gain, (2,) float64. A CUDA thread has all channels of a pixel."""
    constants = [np.array([step.epsilon, step.gain], np.float64)]
    lanes, channels = vector_lanes(maps), maps.output.channels

    def body(place: Place) -> None:
        total, squares = (running_sum(lanes.device) for _ in range(2))
        with T.serial(0, channels) as channel:  # the real ones: what lies behind them is anything
            value = T.bind(T.cast(place.load(0, place.row, place.column, channel), "int32"))
            T.buffer_store(total, total[0] + T.cast(value, "int64"), [0])
            T.buffer_store(squares, squares[0] + T.cast(value * value, "int64"), [0])
        count, mine = T.int64(channels), T.bind(total[0])
        spread = T.bind(count * squares[0] - mine * mine)
        epsilon, gain = place.constants[0][0], place.constants[0][1]
        factor = quotient(gain, T.sqrt(T.cast(spread, "float64") + epsilon))
        with T.serial(0, maps.padded // lanes.count) as vector:
            every = lanes.channels(T.bind(vector * lanes.count))
            value = lanes.cast(place.load(0, place.row, place.column, every), "int64")
            result = normalized(lanes, value * lanes.spread(count) - lanes.spread(mine), lanes.spread(factor))
            place.store(lanes.cast(result, maps.output.dtype), every)

    return build(step, maps, constants, body, group=maps.padded), constants


def quotient(gain: Expr, divisor: Expr) -> Expr:
    """float64 scalars: gain / divisor, 0 where that is 0."""
    divisor, zero = T.bind(divisor), T.float64(0)
    return T.bind(T.Select(divisor > zero, gain / divisor, zero))


def normalized(lanes: Lanes, centered: Expr, factor: Expr) -> Expr:
    """int64 by float64 lanes -> int32 lanes: rint(clip(float64(centered) * factor))."""
    scaled = lanes.clamp(lanes.cast(centered, "float64") * factor, *(T.float64(end) for end in STREAM_RANGE))
    return lanes.cast(T.nearbyint(scaled), "int32")
