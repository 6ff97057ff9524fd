"""Direct convolution on dp4a: a block of threads computes a tile of pixels by channels from shared memory.

Codes are int8 without a halo: the loader puts the stored form of m = 0 (or of the padding colour) where a tile reaches over
the border. Four input channels are one 32-bit word; per chunk of input channels and row of the kernel, the block loads
words of the input tile and of the weights, and every thread multiplies a few pixels by eight channels in registers.
"""

from dataclasses import dataclass

from tvm.ir import Expr
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer, Var

from schedules.cuda.epilogue import write_pixel
from schedules.cuda.packing import LAYOUT, OUTPUTS, TABLE_ENTRIES, THREADS, Tile, pack, tile_of
from schedules.workload import Convolution, Kernel


@dataclass
class Parameters:
    """The kernel's buffers, in the order of the PrimFunc's parameters.

    Attributes:
        source: (H, W, channels) int8 codes.
        weight: (O / block, chunks, k, k, words, block * 4) int8.
        start: (O,) int32. positive, negative: (O,) float32. ratio: (channels,) float32.
        bounds: (3,) int32: low, high, and what is added to m for storage. levels: (TABLE_ENTRIES,) int8.
        outside: (channels,) int8, stored values outside the map.
        skip, stream: (H * r, W * r, channels) int16. codes: int8. picture: (H * r, W * r, 3) uint8.
    """

    source: Buffer
    weight: Buffer
    start: Buffer
    positive: Buffer
    negative: Buffer
    ratio: Buffer
    bounds: Buffer
    levels: Buffer
    outside: Buffer
    skip: Buffer | None = None
    stream: Buffer | None = None
    codes: Buffer | None = None
    picture: Buffer | None = None


def direct_rule(workload: Convolution) -> Kernel | str:
    """A registry rule."""
    if workload.groups != 1:
        return "grouped convolution"
    return Kernel("direct.dp4a", direct_convolution(workload), lambda constants: pack(workload, constants))


def direct_convolution(workload: Convolution):  # noqa: ANN201 - tirx.PrimFunc
    """Build the PrimFunc: blockIdx.x counts tiles of pixels, blockIdx.y blocks of output channels."""
    tile = tile_of(workload)
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        height, width = Var("height", "int64"), Var("width", "int64")
        buffers = declare_parameters(workload, tile, height, width)
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        across = T.ceildiv(width, tile.columns)
        with T.launch_thread("blockIdx.x", across * T.ceildiv(height, tile.rows)) as block_x:
            blocks = tile.outputs // tile.block
            with T.launch_thread("blockIdx.y", blocks) as block_y, T.launch_thread("threadIdx.x", THREADS) as lane:
                # 32-bit indices: 64-bit divisions are slow on a GPU
                block, channels, thread = (T.bind(T.cast(index, "int32")) for index in (block_x, block_y, lane))
                size = (T.bind(T.cast(height, "int32")), T.bind(T.cast(width, "int32")))
                tiles = T.bind(T.truncdiv(size[1] + (tile.columns - 1), tile.columns))
                row = T.bind(T.truncdiv(block, tiles) * tile.rows)
                column = T.bind(T.truncmod(block, tiles) * tile.columns)
                sums = T.alloc_buffer((tile.pixels * OUTPUTS,), "int32", scope="local")
                groups, across_tile = tile.block // OUTPUTS, tile.columns // tile.pixels
                first = T.bind(thread % groups * OUTPUTS)
                place = thread // groups
                mine = (T.bind(place // across_tile), T.bind(place % across_tile * tile.pixels))
                accumulate(workload, tile, buffers, sums, (row, column), size, mine, (channels, first, thread))
                with T.unroll(0, tile.pixels) as pixel:
                    y, x = T.bind(row + mine[0]), T.bind(column + mine[1] + pixel)
                    with T.If(T.And(y < size[0], x < size[1])), T.Then():
                        packed = T.bind(channels * tile.block + first)
                        write_pixel(workload, buffers, sums, pixel * OUTPUTS, (y, x, packed))
    return builder.get()


def declare_parameters(workload: Convolution, tile: Tile, height: Var, width: Var) -> Parameters:
    kernel = workload.kernel
    features = LAYOUT.padded(workload.out_channels // workload.shuffle**2)
    weight = (tile.outputs // tile.block, tile.inputs // (4 * tile.words), kernel, kernel, tile.words, tile.block * 4)
    parameters = Parameters(
        T.arg("source", T.buffer((height, width, tile.inputs), "int8")),
        T.arg("weight", T.buffer(weight, "int8")),
        T.arg("start", T.buffer((tile.outputs,), "int32")),
        T.arg("positive", T.buffer((tile.outputs,), "float32")),
        T.arg("negative", T.buffer((tile.outputs,), "float32")),
        T.arg("ratio", T.buffer((features,), "float32")),
        T.arg("bounds", T.buffer((3,), "int32")),
        T.arg("levels", T.buffer((TABLE_ENTRIES,), "int8")),
        T.arg("outside", T.buffer((tile.inputs,), "int8")),
    )
    rows, columns = height * workload.shuffle, width * workload.shuffle
    if workload.adds_skip and not workload.in_place:
        parameters.skip = T.arg("skip", T.buffer((rows, columns, features), "int16"))
    if workload.writes_stream:
        parameters.stream = T.arg("stream", T.buffer((rows, columns, features), "int16"))
    if workload.in_place:
        parameters.skip = parameters.stream
    if workload.codes != "none":
        parameters.codes = T.arg("codes", T.buffer((rows, columns, features), "int8"))
    if workload.writes_picture:
        parameters.picture = T.arg("picture", T.buffer((rows, columns, 3), "uint8"))
    return parameters


def accumulate(
    workload: Convolution, tile: Tile, buffers: Parameters, sums: Buffer, origin: tuple[Expr, Expr],
    extent: tuple[Expr, Expr], mine: tuple[Expr, Expr], channels: tuple[Expr, Expr, Expr],
) -> None:  # fmt: skip
    """Sum all products of the thread's pixels and channels into ``sums``."""
    block, first, thread = channels
    kernel, words = workload.kernel, tile.words
    inputs = T.alloc_buffer((tile.rows * (tile.columns + kernel - 1) * words,), "int32", scope="shared")
    weights = T.alloc_buffer((kernel * words * tile.block,), "int32", scope="shared")
    with T.unroll(0, tile.pixels * OUTPUTS) as index:
        start = buffers.start[block * tile.block + first + index % OUTPUTS]
        T.buffer_store(sums, start, [index])
    with T.serial(0, tile.inputs // (4 * words)) as chunk, T.serial(0, kernel) as y:
        T.evaluate(T.tvm_storage_sync("shared"))
        load_inputs(workload, tile, buffers, inputs, origin, extent, chunk, y, thread)
        load_weights(workload, tile, buffers, weights, block, chunk, y, thread)
        T.evaluate(T.tvm_storage_sync("shared"))
        with T.serial(0, kernel) as x, T.unroll(0, words) as word:
            with T.unroll(0, tile.pixels) as pixel, T.unroll(0, OUTPUTS) as output:
                activation = inputs[(mine[0] * (tile.columns + kernel - 1) + mine[1] + pixel + x) * words + word]
                weight = weights[(x * words + word) * tile.block + first + output]
                index = pixel * OUTPUTS + output
                T.buffer_store(sums, T.call_extern("int32", "__dp4a", activation, weight, sums[index]), [index])


def load_inputs(
    workload: Convolution, tile: Tile, buffers: Parameters, inputs: Buffer, origin: tuple[Expr, Expr],
    extent: tuple[Expr, Expr], chunk: Var, y: Var, thread: Expr,
) -> None:  # fmt: skip
    """The rows of the input tile under row ``y`` of the kernel, border included, all threads together."""
    reach, words, columns = workload.kernel // 2, tile.words, tile.columns + workload.kernel - 1
    total = tile.rows * columns * words
    with T.serial(0, -(-total // THREADS)) as step:
        index = T.bind(step * THREADS + thread)
        with T.If(index < total), T.Then():
            row = T.bind(origin[0] + index // (columns * words) + y - reach)
            column = T.bind(origin[1] + index // words % columns - reach)
            channel = T.bind((chunk * words + index % words) * 4)
            inside = T.And(T.And(row >= 0, row < extent[0]), T.And(column >= 0, column < extent[1]))
            with T.If(inside):
                with T.Then():
                    value = buffers.source[row, column, T.ramp(channel, 1, 4)]
                    T.buffer_store(inputs, T.reinterpret("int32", value), [index])
                with T.Else():
                    T.buffer_store(inputs, T.reinterpret("int32", buffers.outside[T.ramp(channel, 1, 4)]), [index])


def load_weights(
    workload: Convolution, tile: Tile, buffers: Parameters, weights: Buffer, block: Expr, chunk: Var, y: Var, thread: Expr
) -> None:
    total = workload.kernel * tile.words * tile.block
    with T.serial(0, -(-total // THREADS)) as step:
        index = T.bind(step * THREADS + thread)
        with T.If(index < total), T.Then():
            x, word = index // (tile.words * tile.block), index // tile.block % tile.words
            value = buffers.weight[block, chunk, y, x, word, T.ramp(index % tile.block * 4, 1, 4)]
            T.buffer_store(weights, T.reinterpret("int32", value), [index])
