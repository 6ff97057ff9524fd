"""Direct convolution on CUDA cores: input tile with its surroundings in shared memory, dp4a into a register tile."""

from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer, Var

from schedules.cuda.grid import dot, start_sums, tiled_convolution
from schedules.cuda.packing import pack, stored_channels
from schedules.cuda.parameters import Parameters
from schedules.cuda.tile import Place, Tile, choose_tile
from schedules.workload import Convolution, Kernel


def direct_rule(workload: Convolution) -> Kernel | str:
    """A registry rule. Grouped convolutions are computed as dense ones: their weights are zero outside of the groups."""
    if workload.in_channels % workload.groups or workload.out_channels % workload.groups:
        return f"{workload.groups} groups do not divide the channels"
    tile = choose_tile(workload)
    if tile is None:
        return f"a {workload.kernel}x{workload.kernel} kernel's weights and pixels exceed shared memory"
    return Kernel("direct.dp4a", tiled_convolution(workload, tile, accumulate), lambda constants: pack(workload, tile, constants))


def accumulate(workload: Convolution, tile: Tile, buffers: Parameters, place: Place, sums: Buffer) -> None:
    """The convolution: per step of input channels fill shared memory, then all taps from there."""
    kernel = workload.kernel
    pixels = (tile.input_rows(kernel), tile.input_columns(kernel), tile.words)
    inputs = T.alloc_buffer(pixels, "int32", scope="shared")
    weights = T.alloc_buffer((tile.weight_words(kernel),), "int32", scope="shared")
    start_sums(tile, buffers, place, sums)
    with T.serial(0, stored_channels(workload) // (4 * tile.words)) as step:
        T.evaluate(T.tvm_storage_sync("shared"))
        load_inputs(workload, tile, buffers, place, inputs, step)
        load_weights(workload, tile, buffers, place, weights, step)
        T.evaluate(T.tvm_storage_sync("shared"))
        multiply(workload, tile, place, inputs, weights, sums)


def load_inputs(workload: Convolution, tile: Tile, buffers: Parameters, place: Place, inputs: Buffer, step: Var) -> None:
    """The block's threads bring the input tile to shared memory, a pixel's channels at a time."""
    rows, columns, words = (int(size) for size in inputs.shape)
    height, width, _ = buffers.source.shape
    reach, count = workload.kernel // 2, rows * columns
    channels, whole = T.ramp(step * 4 * words, 1, 4 * words), T.ramp(0, 1, words) if words > 1 else 0
    as_words = f"int32x{words}" if words > 1 else "int32"
    with T.serial(0, -(-count // tile.threads)) as turn:
        index = T.bind(turn * tile.threads + place.thread)
        with T.If(index < count), T.Then():
            at = [index // columns, index % columns, whole]
            y = T.bind(place.row + index // columns - reach)
            x = T.bind(place.column + index % columns - reach)
            inside = T.And(T.And(y >= 0, y < height), T.And(x >= 0, x < width))
            with T.If(inside):
                with T.Then():
                    T.buffer_store(inputs, T.reinterpret(as_words, buffers.source[y, x, channels]), at)
                with T.Else():
                    T.buffer_store(inputs, T.reinterpret(as_words, buffers.padding[channels]), at)


def load_weights(workload: Convolution, tile: Tile, buffers: Parameters, place: Place, weights: Buffer, step: Var) -> None:
    """The block's threads copy the step's weights, which lie in memory as in shared memory."""
    count = tile.weight_words(workload.kernel) // 4
    with T.serial(0, -(-count // tile.threads)) as turn:
        index = T.bind(turn * tile.threads + place.thread)
        with T.If(index < count), T.Then():
            four = T.ramp(index * 4, 1, 4)
            T.buffer_store(weights, buffers.weight[place.block, step, four], [four])


def multiply(workload: Convolution, tile: Tile, place: Place, inputs: Buffer, weights: Buffer, sums: Buffer) -> None:
    """All taps of one step. A kernel column needs ``pixels + kernel - 1`` input rows, which registers hold."""
    kernel, words = workload.kernel, tile.words
    window = T.alloc_buffer((tile.pixels + kernel - 1, words), "int32", scope="local")
    four_weights = T.alloc_buffer((4,), "int32", scope="local")
    whole, four = T.ramp(0, 1, words) if words > 1 else 0, T.ramp(0, 1, 4)
    with T.serial(0, kernel) as x:
        with T.unroll(0, tile.pixels + kernel - 1) as row:
            T.buffer_store(window, inputs[place.rows + row, place.lane + x, whole], [row, whole])
        with T.unroll(0, kernel) as y, T.unroll(0, tile.channels * words // 4) as quarter:
            taps = ((x * kernel + y) * tile.block_channels + place.group * tile.channels) * words
            T.buffer_store(four_weights, weights[T.ramp(taps + quarter * 4, 1, 4)], [four])
            for part in range(4):
                channel, word = (quarter * 4 + part) // words, (quarter * 4 + part) % words
                for pixel in range(tile.pixels):
                    total = dot(window[pixel + y, word], four_weights[part], sums[pixel, channel])
                    T.buffer_store(sums, total, [pixel, channel])
