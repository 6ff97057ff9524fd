"""From a pixel's accumulators to what the layer writes, exactly as docs/numerics.md says, channel by channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer

from schedules.cuda.packing import LAYOUT, OUTPUTS
from schedules.workload import Convolution

if TYPE_CHECKING:
    from schedules.cuda.direct import Parameters

STREAM_RANGE = (-32768, 32767)


def write_pixel(
    workload: Convolution, buffers: Parameters, sums: Buffer, begin: Expr, at: tuple[Expr, Expr, Expr]
) -> None:
    """Requantize and write one pixel's OUTPUTS accumulators, ``sums[begin]`` and on.

    Args:
        at: row and column of the convolution, and first packed output channel.
    """
    row, column, first = at
    y, x, channel = (T.bind(index) for index in position(workload, row, column, first))
    with T.unroll(0, OUTPUTS) as number:
        value = requantize(workload, buffers, sums[begin + number], first + number)
        if workload.writes_picture:
            with T.If(first + number < workload.out_channels), T.Then():
                T.buffer_store(buffers.picture, T.cast(value, "uint8"), picture_position(workload, row, column, first + number))
            return
        place = [y, x, channel + number]
        if buffers.skip is not None:
            value = T.bind(clamp(value + T.cast(buffers.skip[place], "int32"), *STREAM_RANGE))
        if buffers.stream is not None:
            T.buffer_store(buffers.stream, T.cast(value, "int16"), place)
        if buffers.codes is not None:
            if workload.from_stream:
                scaled = T.cast(value, "float32") * buffers.ratio[channel + number]
                value = round_clipped(scaled, buffers.bounds[0], buffers.bounds[1])
            stored = value + buffers.bounds[2] if workload.codes == "uniform" else buffers.levels[value - buffers.bounds[0]]
            T.buffer_store(buffers.codes, T.cast(stored, "int8"), place)


def requantize(workload: Convolution, buffers: Parameters, total: Expr, packed: Expr) -> Expr:
    """int32 accumulator -> clipped and rounded int32 value: a pixel, a stream value or a fine code index."""
    total = T.bind(total)
    multiplier = buffers.positive[packed]
    if workload.bent:
        multiplier = T.Select(total >= 0, multiplier, buffers.negative[packed])
    scaled = T.cast(total, "float32") * multiplier
    if workload.writes_picture:
        return round_clipped(scaled, T.int32(0), T.int32(255))
    if workload.from_stream:
        return round_clipped(scaled, *(T.int32(end) for end in STREAM_RANGE))
    return round_clipped(scaled, buffers.bounds[0], buffers.bounds[1])


def round_clipped(value: Expr, low: Expr, high: Expr) -> Expr:
    bounded = T.max(T.min(value, T.cast(high, "float32")), T.cast(low, "float32"))
    return T.bind(T.cast(T.nearbyint(bounded), "int32"))


def clamp(value: Expr, low: int, high: int) -> Expr:
    return T.max(T.min(value, T.int32(high)), T.int32(low))


def picture_position(workload: Convolution, row: Expr, column: Expr, channel: Expr) -> list[Expr]:
    """(y, x, colour) of an output channel in PyTorch's order."""
    factor = workload.shuffle
    place = channel % factor**2
    return [row * factor + place // factor, column * factor + place % factor, channel // factor**2]


def position(workload: Convolution, row: Expr, column: Expr, packed: Expr) -> list[Expr]:
    """(y, x, channel) of a packed output channel: the pixel shuffle is only an index."""
    factor = workload.shuffle
    if factor == 1:
        return [row, column, packed]
    per_pixel = LAYOUT.padded(workload.out_channels // factor**2)
    place = packed // per_pixel
    return [row * factor + place // factor, column * factor + place % factor, packed % per_pixel]
