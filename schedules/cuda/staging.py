"""From global to shared memory, asynchronously: a tile of the input with its surroundings, and what a block keeps."""

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer

from schedules.cuda.instructions import copy_async, forget, hold, store_shared
from schedules.cuda.packing import features
from schedules.cuda.parameters import Parameters
from schedules.cuda.tensor_tile import COPY_BYTES, Position, TensorTile
from schedules.cuda.tile import TABLE_ENTRIES
from schedules.workload import Convolution


def copy_weights(tile: TensorTile, buffers: Parameters, memory: Buffer, position: Position) -> None:
    """Begin to copy the block's weights behind the tiles of the input, in the order in which they lie."""
    count = tile.weight_bytes // COPY_BYTES
    with T.serial(0, -(-count // tile.threads)) as turn:
        index = T.bind(turn * tile.threads + position.thread)
        with T.If(index < count), T.Then():
            target = memory[tile.weight_begin + index * COPY_BYTES]
            copy_async(T.address_of(target), T.address_of(buffers.weight[position.block, index * 4]), COPY_BYTES)


def copy_inputs(
    tile: TensorTile, buffers: Parameters, memory: Buffer, position: Position, begin: Expr | int, row: Expr, column: Expr
) -> None:
    """Begin to copy the input tile for the output tile at ``row`` and ``column`` to ``memory[begin:]``, 16 (or 4)
    channels at a time; what lies outside of the picture is stored at once."""
    height, width, _ = buffers.source.shape
    size, reach = tile.copy_bytes, tile.kernel // 2
    parts = tile.channels // size
    count = tile.input_rows * tile.input_columns * parts
    thread = forget(position.thread)  # so that nothing that depends on it alone is kept while products are computed
    with T.serial(0, -(-count // tile.threads)) as turn:
        index = hold(turn * tile.threads + thread)
        with T.If(index < count), T.Then():
            pixel, channel = hold(T.truncdiv(index, parts)), hold(T.truncmod(index, parts)) * size
            y = hold(row + T.truncdiv(pixel, tile.input_columns) - reach)
            x = hold(column + T.truncmod(pixel, tile.input_columns) - reach)
            at = hold(begin + pixel * tile.pitch + channel, size)
            with T.If(T.And(T.And(y >= 0, y < height), T.And(x >= 0, x < width))):
                with T.Then():
                    copy_async(T.address_of(memory[at]), T.address_of(buffers.source[y, x, channel]), size)
                with T.Else():
                    store_shared(T.address_of(memory[at]), T.address_of(buffers.padding[channel]), size)


def store_constants(workload: Convolution, tile: TensorTile, buffers: Parameters, memory: Buffer, position: Position) -> None:
    """Put the constants of the block's channels behind the weights: registers would be too few to keep them."""
    count = tile.constant_channels
    with T.serial(0, -(-count // tile.threads)) as turn:
        index = hold(turn * tile.threads + position.thread)
        channel = hold(position.block * count + index)
        ratio = buffers.ratio[T.truncmod(channel, features(workload))]
        with T.If(index < count), T.Then():
            for number, value in enumerate((buffers.start[channel], buffers.positive[channel], buffers.negative[channel], ratio)):
                at = tile.constant_begin + (number * count + index) * 4
                T.buffer_store(memory, T.reinterpret("int8x4", value), [T.ramp(at, 1, 4)])
    for number in range(int(buffers.bounds.shape[0])):
        with T.If(position.thread == number), T.Then():
            bound = T.reinterpret("int8x4", buffers.bounds[number])
            T.buffer_store(memory, bound, [T.ramp(tile.bounds_begin + 4 * number, 1, 4)])
    if workload.codes == "table":
        with T.serial(0, -(-TABLE_ENTRIES // tile.threads)) as turn:
            index = hold(turn * tile.threads + position.thread)
            with T.If(index < TABLE_ENTRIES), T.Then():
                T.buffer_store(memory, buffers.levels[index], [tile.levels_begin + index])
