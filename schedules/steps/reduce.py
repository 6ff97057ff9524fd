"""Averages and deviations over all pixels, in int64."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tvm.ir import Expr
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer, PrimFunc

from schedules.steps.frame import declare_sources, feature_map, shifted, vector_lanes
from schedules.steps.lanes import Lanes
from schedules.steps.levels import has_avx512
from schedules.steps.maps import Maps
from tvm_srq.steps import GlobalAverage, GlobalDeviation

CHANNELS, PIXELS = 16, 32  # threads of a CUDA block: channels beside each other, and pixels among which a row is divided
LINE = 32  # channels of a cache line: summed at once, a line is read once
SUM_RANGE = 15  # bits of a stream value's magnitude

# None, or what is subtracted before squaring -> the sum of all pixels' values (squares), int64 lanes
SumOf = Callable[[Expr | None], Expr]
# (lanes, sums, number of pixels) -> the result, int64 lanes
Finish = Callable[[Lanes, SumOf, Expr], Expr]


def build_global_average(step: GlobalAverage, maps: Maps) -> tuple[PrimFunc, list]:
    def finish(lanes: Lanes, sum_of: SumOf, count: Expr) -> Expr:
        # C leaves shifts of negative numbers to the left undefined
        return rounded_quotient(lanes, sum_of(None) * lanes.spread(T.int64(1 << step.shift)), count, step.shift)

    return reduction(step, maps, finish), []


def build_global_deviation(step: GlobalDeviation, maps: Maps) -> tuple[PrimFunc, list]:
    def finish(lanes: Lanes, sum_of: SumOf, count: Expr) -> Expr:
        mean = rounded_quotient(lanes, sum_of(None), count, 0)
        quotient = T.truncdiv(sum_of(mean) * lanes.spread(T.int64(4**step.shift)), lanes.spread(count))
        # the root of an integer is never half way between two: a half more, cut off, is the nearest
        return lanes.cast(T.sqrt(lanes.cast(quotient, "float64")) + lanes.spread(T.float64(0.5)), "int64")

    return reduction(step, maps, finish), []


def rounded_quotient(lanes: Lanes, total: Expr, count: Expr, shift: int) -> Expr:
    """(2 * total + count) // (2 * count) of sums of ``count`` values below 2**(15 + shift), divided above zero."""
    above = 1 << (SUM_RANGE + shift)
    dividend = lanes.spread(T.int64(2)) * total + lanes.spread(count * (2 * above + 1))
    return T.bind(T.truncdiv(dividend, lanes.spread(2 * count)) - lanes.spread(T.int64(above)))


def reduction(step: GlobalAverage | GlobalDeviation, maps: Maps, finish: Finish) -> PrimFunc:
    """The PrimFunc from a stream to one pixel."""
    lanes = Lanes(LINE, "cpu") if maps.padded % LINE == 0 and has_avx512(maps.layout, maps.device) else vector_lanes(maps)
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        (source,), ((rows, columns),) = declare_sources(step, maps)
        output = T.arg("output", feature_map((1, 1, maps.output.stored), maps.output.dtype))
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})

        def write(sum_of: SumOf, channel: Expr) -> None:
            result = finish(lanes, sum_of, rows * columns)
            clipped = lanes.cast(lanes.clip_stream(lanes.cast(result, "int32")), maps.output.dtype)
            T.buffer_store(output, clipped, [0, 0, shifted(lanes.channels(channel), maps.output.offset)])

        def term(row: Expr, column: Expr, channel: Expr, mean: Expr | None) -> Expr:
            at = shifted(lanes.channels(channel), maps.sources[0].offset)
            value = lanes.cast(source[row, column, at], "int64")
            if mean is None:
                return value
            # differences fit int32: so their squares are products of int32, for which processors have instructions
            difference = T.bind(lanes.cast(source[row, column, at], "int32") - lanes.cast(mean, "int32"))
            return lanes.cast(difference, "int64") * lanes.cast(difference, "int64")

        if maps.device == "cuda":
            on_cuda(maps.padded, rows, columns, term, write)
        else:
            with T.parallel(0, maps.padded // lanes.count) as vector:
                channel = T.bind(vector * lanes.count)
                write(partial(vector_sum, lanes, rows, columns, lambda *at: term(*at[:2], channel, at[2])), channel)
    return builder.get()


def vector_sum(lanes: Lanes, rows: Expr, columns: Expr, term: Callable, mean: Expr | None) -> Expr:
    """A vector of channels over all pixels."""
    total, every = T.alloc_buffer((lanes.count,), "int64", scope="global"), T.ramp(0, 1, lanes.count)
    every = every if lanes.count > 1 else 0
    T.buffer_store(total, lanes.spread(T.int64(0)), [every])
    with T.serial(0, rows) as row, T.serial(0, columns) as column:
        T.buffer_store(total, total[every] + term(row, column, mean), [every])
    return T.bind(total[every])


def running_sum(device: str) -> Buffer:
    """One int64, 0."""
    total = T.alloc_buffer((1,), "int64", scope="local" if device == "cuda" else "global")
    T.buffer_store(total, T.int64(0), [0])
    return total


def on_cuda(padded: int, rows: Expr, columns: Expr, term: Callable, write: Callable[[SumOf, Expr], None]) -> None:
    """A block for 16 channels. Every thread adds up its part of the columns, then all threads' sums of its channel."""
    with (
        T.launch_thread("blockIdx.x", padded // CHANNELS) as block,
        T.launch_thread("threadIdx.y", PIXELS) as part,
        T.launch_thread("threadIdx.x", CHANNELS) as lane,
    ):
        channel = T.bind(block * CHANNELS + lane)
        parts = T.alloc_buffer((PIXELS, CHANNELS), "int64", scope="shared")

        def sum_of(mean: Expr | None) -> Expr:
            mine = running_sum("cuda")
            with T.serial(0, rows) as row, T.serial(0, (columns - part + PIXELS - 1) // PIXELS) as turn:
                T.buffer_store(mine, mine[0] + term(row, turn * PIXELS + part, channel, mean), [0])
            T.evaluate(T.tvm_storage_sync("shared"))  # an earlier sum has been read
            T.buffer_store(parts, mine[0], [part, lane])
            T.evaluate(T.tvm_storage_sync("shared"))
            total = running_sum("cuda")
            with T.serial(0, PIXELS) as other:
                T.buffer_store(total, total[0] + parts[other, lane], [0])
            return T.bind(total[0])

        write(sum_of, channel)  # all threads of a channel the same
