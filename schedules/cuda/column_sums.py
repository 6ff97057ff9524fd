"""From products for every column of a kernel to the colours of a picture: what tensor cores leave goes to shared memory,
and each thread adds up the columns of one value (``schedules.cuda.tensor_tile.ColumnTile``)."""

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer

from schedules.cuda.epilogue import requantize
from schedules.cuda.instructions import hold
from schedules.cuda.parameters import Parameters
from schedules.cuda.tensor_tile import FRAGMENT_PIXELS, WORD_BYTES, ColumnTile, Position
from schedules.workload import Convolution

HALF = 8


def clear(sums: Buffer) -> None:
    """Let the sums begin with zero."""
    rows, fragments, _ = (int(size) for size in sums.shape)
    for row in range(rows):
        for fragment in range(fragments):
            T.buffer_store(sums, T.broadcast(T.int32(0), 4), [row, fragment, T.ramp(0, 1, 4)])


def write_sums_of_columns(
    workload: Convolution, tile: ColumnTile, buffers: Parameters, memory: Buffer, position: Position,
    begin: Expr, row: Expr, column: Expr, sums: Buffer,
) -> None:  # fmt: skip
    """Spread the products over the input tile at ``begin``, which all warps are done with; then add up, requantize, write."""
    T.evaluate(T.tvm_storage_sync("shared"))
    spread_products(tile, memory, position, begin, sums)
    T.evaluate(T.tvm_storage_sync("shared"))
    height, width, _ = buffers.source.shape
    factor, per_row = workload.shuffle, tile.block_columns * tile.colours
    count = tile.block_rows * per_row
    with T.serial(0, -(-count // tile.threads)) as turn:
        index = hold(turn * tile.threads + position.thread)
        tile_row, rest = hold(T.truncdiv(index, per_row)), hold(T.truncmod(index, per_row))
        tile_column, channel = hold(T.truncdiv(rest, tile.colours)), hold(T.truncmod(rest, tile.colours))
        y, x = hold(row + tile_row), hold(column + tile_column)
        with T.If(T.And(index < count, T.And(y < height, x < width))), T.Then():
            first = hold(begin + product_place(tile, tile_row, tile_column, channel), WORD_BYTES)
            total = buffers.start[channel]
            for kernel_column in range(tile.kernel):
                step = kernel_column * (tile.sum_pitch + tile.colours) * WORD_BYTES
                total = total + T.reinterpret("int32", memory[T.ramp(first + step, 1, WORD_BYTES)])
            value = requantize(workload, buffers, hold(total), channel)
            colour, place = T.truncdiv(channel, factor**2), T.truncmod(channel, factor**2)
            at = [y * factor + T.truncdiv(place, factor), x * factor + T.truncmod(place, factor), colour]
            T.buffer_store(buffers.picture, T.cast(value, "uint8"), at)


def spread_products(tile: ColumnTile, memory: Buffer, position: Position, begin: Expr, sums: Buffer) -> None:
    """Every lane's sums to their places."""
    column = position.columns + T.truncdiv(position.lane, 4)
    channel = T.truncmod(position.lane, 4) * tile.thread_channels
    first = hold(begin + product_place(tile, position.rows, column, channel), WORD_BYTES)
    for row in range(tile.rows):
        for half in range(2):
            for index in range(tile.thread_channels):
                at = first + product_place(tile, row, half * HALF, index)
                value = T.reinterpret("int8x4", sums[row, index // 2, 2 * half + index % 2])
                T.buffer_store(memory, value, [T.ramp(at, 1, WORD_BYTES)])


def product_place(tile: ColumnTile, row: Expr | int, column: Expr | int, channel: Expr | int) -> Expr | int:
    """Bytes from the first product to that of a row, column and channel."""
    columns = FRAGMENT_PIXELS * tile.column_warps
    return ((row * columns + column) * tile.sum_pitch + channel) * WORD_BYTES
