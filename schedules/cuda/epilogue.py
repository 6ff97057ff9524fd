"""From a thread's accumulators to what the layer writes, exactly as docs/numerics.md says."""

import numpy as np
from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer

from schedules.cuda.packing import features
from schedules.cuda.parameters import Parameters
from schedules.cuda.tile import LAYOUT, Place, Tile
from schedules.workload import Convolution

STREAM_RANGE = (-32768, 32767)
ROUNDING = 1.5 * 2**23


def write_results(workload: Convolution, tile: Tile, buffers: Parameters, place: Place, sums: Buffer) -> None:
    """Requantize the accumulators ``sums`` (pixels, channels) and write what lies within the picture."""
    height, width, _ = buffers.source.shape
    channel = T.bind((place.block * tile.channel_groups + place.group) * tile.channels)
    column = T.bind(place.column + place.lane)
    with T.unroll(0, tile.pixels) as pixel:
        row = T.bind(place.row + place.rows + pixel)
        with T.If(T.And(row < height, column < width)), T.Then():
            if workload.writes_picture:
                write_picture(workload, tile, buffers, sums, pixel, row, column, channel)
            else:
                write_features(workload, tile, buffers, sums, pixel, row, column, channel)


def write_features(
    workload: Convolution, tile: Tile, buffers: Parameters, sums: Buffer, pixel: Expr, row: Expr, column: Expr, channel: Expr
) -> None:
    """One pixel's channels of the thread: they stay together behind a pixel shuffle, so they are loaded and stored whole."""
    factor, count = workload.shuffle, features(workload)
    place, feature = channel // count, T.bind(channel % count)
    y, x = T.bind(row * factor + place // factor), T.bind(column * factor + place % factor)
    every, together = T.ramp(0, 1, tile.channels), T.ramp(feature, 1, tile.channels)
    skip = stream = codes = None
    if buffers.skip is not None:
        skip = T.alloc_buffer((tile.channels,), "int16", scope="local")
        T.buffer_store(skip, buffers.skip[y, x, together], [every])
    if buffers.stream is not None:
        stream = T.alloc_buffer((tile.channels,), "int16", scope="local")
    if buffers.codes is not None:
        codes = T.alloc_buffer((tile.channels,), LAYOUT.storage, scope="local")
    with T.unroll(0, tile.channels) as index:
        value = requantize(workload, buffers, sums[pixel, index], channel + index)
        if skip is not None:
            ends = (T.int32(end) for end in STREAM_RANGE)
            value = T.bind(clamp(value + T.cast(skip[index], "int32"), *ends))
        if stream is not None:
            T.buffer_store(stream, T.cast(value, "int16"), [index])
        if codes is not None:
            if workload.from_stream:
                scaled = T.cast(value, "float32") * buffers.ratio[feature + index]
                value = T.bind(round_half_to_even(clamp(scaled, *code_bounds(buffers))))
            T.buffer_store(codes, stored(workload, buffers, value, feature + index), [index])
    for local, whole, offset in ((stream, buffers.stream, 0), (codes, buffers.codes, workload.out_offset)):
        if local is not None:
            T.buffer_store(whole, local[every], [y, x, T.ramp(feature + offset, 1, tile.channels)])


def write_picture(
    workload: Convolution, tile: Tile, buffers: Parameters, sums: Buffer, pixel: Expr, row: Expr, column: Expr, channel: Expr
) -> None:
    """Scatter channels to (row, column, colour)."""
    with T.unroll(0, tile.channels) as index:
        number = T.bind(channel + index)
        write_colour(workload, buffers, sums[pixel, index], number, number, row, column)


def write_colour(
    workload: Convolution, buffers: Parameters, accumulator: Expr, number: Expr, place: Expr | int, row: Expr, column: Expr
) -> None:
    """One channel of the convolution, by its ``number``, to its colour and pixel; those beyond the last are padding and are
    dropped. ``place``: of its constants in the buffers."""
    factor = workload.shuffle
    with T.If(number < workload.out_channels), T.Then():
        colour, shift = number // factor**2, number % factor**2
        value = requantize(workload, buffers, accumulator, place)
        at = [row * factor + shift // factor, column * factor + shift % factor, colour]
        T.buffer_store(buffers.picture, T.cast(value, "uint8"), at)


def requantize(workload: Convolution, buffers: Parameters, accumulator: Expr, channel: Expr) -> Expr:
    """An int32 accumulator -> its clipped and rounded int32 value: a pixel, a stream value or a fine code index."""
    total = T.bind(accumulator)
    multiplier = buffers.positive[channel]
    if workload.bent:
        multiplier = T.Select(total >= 0, multiplier, buffers.negative[channel])
    scaled = T.cast(total, "float32") * multiplier
    if workload.writes_picture or workload.from_stream:
        ends = (0, 255) if workload.writes_picture else STREAM_RANGE
        bounds = (T.float32(ends[0]), T.float32(ends[1]))
    else:
        bounds = code_bounds(buffers)
    return T.bind(round_half_to_even(clamp(scaled, *bounds)))


def round_half_to_even(value: Expr) -> Expr:
    """float32 within 2**22 -> int32: beside 1.5 * 2**23 the last place of a float32 is 1, so adding rounds, and the sum's bits
    count up from the constant's. Conversion instructions are slow on many GPUs."""
    bits = T.reinterpret("int32", value + T.float32(ROUNDING))
    return bits - T.int32(int(np.float32(ROUNDING).view(np.int32)))


def clamp(value: Expr, low: Expr, high: Expr) -> Expr:
    return T.max(T.min(value, high), low)


def code_bounds(buffers: Parameters) -> tuple[Expr, Expr]:
    """The fine grid's ends as float32."""
    return T.cast(buffers.bounds[0], "float32"), T.cast(buffers.bounds[1], "float32")


def stored(workload: Convolution, buffers: Parameters, value: Expr, feature: Expr) -> Expr:
    """A fine index -> its stored code, by adding an offset or a zero point (uniform) or through the table of levels."""
    if workload.zero_points:
        total = value + T.cast(buffers.zeros[feature], "int32")
        return T.cast(clamp(total, buffers.bounds[3], buffers.bounds[4]), LAYOUT.storage)
    if workload.codes == "uniform":
        return T.cast(value + buffers.bounds[2], LAYOUT.storage)
    return buffers.levels[value - buffers.bounds[0]]
