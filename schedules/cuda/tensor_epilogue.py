"""From the sums that tensor cores leave in a warp's registers to what the layer writes, exactly as docs/numerics.md says.

A lane has ``tile.thread_channels`` channels beside each other of two pixels a row, so that what it reads and writes of a
pixel is one vector.
"""

from dataclasses import replace

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer

from schedules.cuda.epilogue import STREAM_RANGE, clamp, code_bounds, requantize, round_half_to_even, stored, write_colour
from schedules.cuda.instructions import forget, hold, prefetch
from schedules.cuda.packing import features
from schedules.cuda.parameters import Parameters
from schedules.cuda.tensor_tile import BOUNDS, CONSTANTS, Position, TensorTile
from schedules.cuda.tile import LAYOUT
from schedules.workload import Convolution

START, POSITIVE, NEGATIVE, RATIO = range(CONSTANTS)
HALF = 8
"""Columns between a lane's two pixels of a row."""


def first_channel(tile: TensorTile, position: Position) -> Expr:
    """The lane's first packed output channel."""
    warp = position.block * tile.channel_warps + position.group
    return hold(warp * 4 + position.lane % 4) * tile.thread_channels


def load_start(tile: TensorTile, memory: Buffer, position: Position, sums: Buffer) -> None:
    """Every pixel's sums begin with the start values of the lane's channels."""
    start = load_constants(tile, memory, position, START, "int32")
    for fragment in range(tile.fragments):
        for row in range(tile.rows):
            for half in range(2):
                two = T.ramp(2 * half, 1, 2)
                T.buffer_store(sums, start[T.ramp(2 * fragment, 1, 2)], [row, fragment, two])


def load_constants(tile: TensorTile, memory: Buffer, position: Position, number: int, dtype: str) -> Buffer:
    """One of the constants of the lane's channels, from shared memory into registers."""
    values = T.alloc_buffer((tile.thread_channels,), dtype, scope="local")
    lane = hold(position.group * 4 + position.lane % 4) * tile.thread_channels
    begin = tile.constant_begin + (number * tile.constant_channels + lane) * 4
    lanes = min(tile.thread_channels, 4)
    for part in range(0, tile.thread_channels, lanes):
        loaded = memory[T.ramp(begin + part * 4, 1, 4 * lanes)]
        T.buffer_store(values, T.reinterpret(f"{dtype}x{lanes}", loaded), [T.ramp(part, 1, lanes)])
    return values


def prefetch_skip(
    workload: Convolution, tile: TensorTile, buffers: Parameters, position: Position, row: Expr, column: Expr
) -> None:
    """Have the skip stream on its way to the second-level cache while the products are computed."""
    if buffers.skip is None:
        return
    height, width, _ = buffers.source.shape
    feature, dy, dx = shuffled_place(workload, tile, first_channel(tile, position))
    factor = workload.shuffle
    with T.unroll(0, tile.rows) as fragment_row, T.unroll(0, 2) as half:
        y, x = pixel_place(position, row, column, fragment_row, half)
        inside = T.And(y < height, x < width)
        with T.If(T.And(inside, position.lane % 4 == 0)), T.Then():
            prefetch(T.address_of(buffers.skip[y * factor + dy, x * factor + dx, feature]))


def pixel_place(position: Position, row: Expr, column: Expr, fragment_row: Expr, half: Expr) -> tuple[Expr, Expr]:
    """Output row and column of one of the lane's pixels, before the shuffle."""
    return (
        hold(row + position.rows + fragment_row),
        hold(column + position.columns + position.lane // 4 + half * HALF),
    )


def shuffled_place(workload: Convolution, tile: TensorTile, channel: Expr) -> tuple[Expr, Expr, Expr]:
    """Of a packed output channel: channel, row and column within the factor behind the pixel shuffle."""
    count, factor = features(workload), workload.shuffle
    if factor == 1:
        return channel, T.int32(0), T.int32(0)
    place = hold(T.truncdiv(channel, count))
    feature = hold(T.truncmod(channel, count), tile.thread_channels)
    return feature, hold(T.truncdiv(place, factor)), hold(T.truncmod(place, factor))


def write_fragments(
    workload: Convolution, tile: TensorTile, buffers: Parameters, memory: Buffer, position: Position,
    row: Expr, column: Expr, sums: Buffer,
) -> None:  # fmt: skip
    """Requantize the sums (rows, fragments, 4) and write what lies within the picture, one row of the warp after another."""
    height, width, _ = buffers.source.shape
    channel, row, column = first_channel(tile, position), forget(row), forget(column)
    own = own_constants(workload, tile, buffers, memory, position, channel)
    with T.unroll(0, tile.rows) as fragment_row:
        places = [pixel_place(position, row, column, fragment_row, half) for half in range(2)]
        inside = [T.bind(T.And(y < height, x < width)) for y, x in places]
        skips = [load_skip(workload, tile, buffers, channel, *places[half], inside[half]) for half in range(2)]
        for half in range(2):
            with T.If(inside[half]), T.Then():
                accumulators = [sums[fragment_row, i // 2, 2 * half + i % 2] for i in range(tile.thread_channels)]
                if workload.writes_picture:
                    write_colours(workload, own, accumulators, *places[half], channel)
                else:
                    write_features(workload, tile, own, memory, accumulators, skips[half], *places[half], channel)


def own_constants(
    workload: Convolution, tile: TensorTile, buffers: Parameters, memory: Buffer, position: Position, channel: Expr
) -> Parameters:
    """The parameters with the constants of the lane's channels in registers, so that its first channel has number 0."""
    own = replace(buffers, positive=load_constants(tile, memory, position, POSITIVE, "float32"))
    if workload.bent:
        own.negative = load_constants(tile, memory, position, NEGATIVE, "float32")
    if workload.codes != "none" and workload.from_stream:
        own.ratio = load_constants(tile, memory, position, RATIO, "float32")
    if workload.codes != "none":
        own.bounds = T.alloc_buffer((BOUNDS,), "int32", scope="local")
        for part in range(0, BOUNDS, 4):
            loaded = T.reinterpret("int32x4", memory[T.ramp(tile.bounds_begin + 4 * part, 1, 16)])
            T.buffer_store(own.bounds, loaded, [T.ramp(part, 1, 4)])
    if workload.zero_points:
        feature, _, _ = shuffled_place(workload, tile, channel)
        own.zeros = T.alloc_buffer((tile.thread_channels,), LAYOUT.storage, scope="local")
        every = T.ramp(0, 1, tile.thread_channels)
        T.buffer_store(own.zeros, buffers.zeros[T.ramp(feature, 1, tile.thread_channels)], [every])
    return own


def load_skip(
    workload: Convolution, tile: TensorTile, buffers: Parameters, channel: Expr, row: Expr, column: Expr, inside: Expr
) -> Buffer | None:
    """The skip stream's values of one pixel, loaded before anything is written: it may be where the result goes."""
    if buffers.skip is None:
        return None
    feature, dy, dx = shuffled_place(workload, tile, channel)
    y, x = row * workload.shuffle + dy, column * workload.shuffle + dx
    words = T.alloc_buffer((tile.thread_channels // 2,), "int32", scope="local")
    with T.If(inside), T.Then():
        for first, count in parts(tile.thread_channels):
            loaded = T.reinterpret(vector("int32", count // 2), buffers.skip[y, x, T.ramp(feature + first, 1, count)])
            T.buffer_store(words, loaded, [T.ramp(first // 2, 1, count // 2) if count > 2 else first // 2])
    return words


def parts(channels: int) -> list[tuple[int, int]]:
    """(first, count) of at most eight channels, so that int16 of them are one vector."""
    return [(first, min(channels, 8)) for first in range(0, channels, 8)]


def vector(dtype: str, lanes: int) -> str:
    return f"{dtype}x{lanes}" if lanes > 1 else dtype


def half_word(words: Buffer, index: int) -> Expr:
    """One of the int16 in an array of words, as int32."""
    word = words[index // 2]
    return word >> 16 if index % 2 else T.cast(T.cast(word, "int16"), "int32")


def write_features(
    workload: Convolution, tile: TensorTile, own: Parameters, memory: Buffer, accumulators: list[Expr], skip: Buffer | None,
    row: Expr, column: Expr, channel: Expr,
) -> None:  # fmt: skip
    """One pixel's channels of the lane."""
    feature, dy, dx = shuffled_place(workload, tile, channel)
    y, x = T.bind(row * workload.shuffle + dy), T.bind(column * workload.shuffle + dx)
    stream, codes, table = None, None, workload.codes == "table"
    if own.stream is not None:
        stream = T.alloc_buffer((tile.thread_channels,), "int16", scope="local")
    if own.codes is not None:
        codes = T.alloc_buffer((tile.thread_channels,), LAYOUT.storage, scope="local")
    for index, accumulator in enumerate(accumulators):
        value = requantize(workload, own, accumulator, index)
        if skip is not None:
            ends = (T.int32(end) for end in STREAM_RANGE)
            value = T.bind(clamp(value + half_word(skip, index), *ends))
        if stream is not None:
            T.buffer_store(stream, T.cast(value, "int16"), [index])
        if codes is not None:
            if workload.from_stream:
                scaled = T.cast(value, "float32") * own.ratio[index]
                value = T.bind(round_half_to_even(clamp(scaled, *code_bounds(own))))
            code = memory[tile.levels_begin + value - own.bounds[0]] if table else stored(workload, own, value, index)
            T.buffer_store(codes, code, [index])
    for local, whole, offset in ((stream, own.stream, 0), (codes, own.codes, workload.out_offset)):
        for first, count in parts(tile.thread_channels) if local is not None else []:
            T.buffer_store(whole, local[T.ramp(first, 1, count)], [y, x, T.ramp(feature + offset + first, 1, count)])


def write_colours(
    workload: Convolution, own: Parameters, accumulators: list[Expr], row: Expr, column: Expr, channel: Expr
) -> None:
    """Scatter one pixel's channels to (row, column, colour)."""
    for index, accumulator in enumerate(accumulators):
        write_colour(workload, own, accumulator, T.bind(channel + index), index, row, column)
