"""Convolution on CUDA without shared memory, for whatever no faster kernel takes: slow, and every workload fits."""

from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer

from schedules.cuda.grid import dot, start_sums, tiled_convolution
from schedules.cuda.packing import pack, stored_channels
from schedules.cuda.parameters import Parameters
from schedules.cuda.tile import Place, Tile, step_words, thread_channels
from schedules.workload import Convolution, Kernel

ROWS = 8  # of a block, one of each warp


def generic_rule(workload: Convolution) -> Kernel | str:
    """A registry rule."""
    if workload.in_channels % workload.groups or workload.out_channels % workload.groups:
        return f"{workload.groups} groups do not divide the channels"
    tile = Tile(1, thread_channels(workload), 1, ROWS, step_words(workload))
    function = tiled_convolution(workload, tile, accumulate)
    return Kernel("generic.dp4a", function, lambda constants: pack(workload, tile, constants))


def accumulate(workload: Convolution, tile: Tile, buffers: Parameters, place: Place, sums: Buffer) -> None:
    """One pixel of a thread; all threads of a warp read the same weights."""
    kernel, words, channels = workload.kernel, tile.words, tile.channels
    height, width, _ = buffers.source.shape
    pixel = T.alloc_buffer((words,), "int32", scope="local")
    start_sums(tile, buffers, place, sums)
    whole, as_words = (T.ramp(0, 1, words), f"int32x{words}") if words > 1 else (0, "int32")
    with T.serial(0, stored_channels(workload) // (4 * words)) as step, T.serial(0, kernel) as x, T.serial(0, kernel) as y:
        here = T.ramp(step * 4 * words, 1, 4 * words)
        row = T.bind(place.row + place.rows + y - kernel // 2)
        column = T.bind(place.column + place.lane + x - kernel // 2)
        inside = T.And(T.And(row >= 0, row < height), T.And(column >= 0, column < width))
        with T.If(inside):
            with T.Then():
                T.buffer_store(pixel, T.reinterpret(as_words, buffers.source[row, column, here]), [whole])
            with T.Else():
                T.buffer_store(pixel, T.reinterpret(as_words, buffers.padding[here]), [whole])
        with T.unroll(0, channels) as channel:
            for word in range(words):
                weight = buffers.weight[place.block, step, ((x * kernel + y) * channels + channel) * words + word]
                T.buffer_store(sums, dot(pixel[word], weight, sums[0, channel]), [0, channel])
