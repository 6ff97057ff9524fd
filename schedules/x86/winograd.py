"""Exact integer Winograd F(2x2, 3x3) for AVX-512 VNNI: 16 products where a direct convolution needs 36.

For decoded values |m| <= 31 the transformed input B^T d B is a sum of four of them and fits int8; for weights within 14
the transformed weights (2G) w (2G)^T fit int8 too. Products are summed exactly in int32, and the output transform
gives exactly four times the direct convolution's accumulator (Lavin and Gray, CVPR 2016, for the algorithm).

A task takes chunks of tiles, a tile being 2x2 pixels. The rows of the output transform are folded into the accumulators:
M1 and M2 are summed first, turned into S = M1 + M2 and D = M1 - M2, and M0 is added to S, -M3 to D. So 8 of 16 products per
tile and channel reach memory (``sums``); the columns are combined when results are written.
"""

from dataclasses import dataclass

from tvm.ir import Expr
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer, Var

from schedules.cpu.direct import Parameters, feature_map
from schedules.cpu.halo import fill_halo_columns
from schedules.workload import Convolution, Kernel
from schedules.x86.packed import TABLE, write_packed
from schedules.x86.units import VNNI, vnni_dot
from schedules.x86.winograd_packing import STAGES, VECTORS, block_channels, pack_winograd, packed_outputs

MAX_ACTIVATION, MAX_WEIGHT = 31, 14
TILES, GROUPS = 6, 1  # tiles summed in registers at once, and how many such groups make a chunk
TASK_CHUNKS = 16
UNROLL = 4


@dataclass(frozen=True)
class Shape:
    """Sizes within one chunk: stored input channels, packed output channels, channels of an output block, tiles."""

    inputs: int
    outputs: int
    block: int
    tiles: int = TILES * GROUPS


def winograd_rule(workload: Convolution) -> Kernel | str:
    """Applies where exactness is proved: a registry rule."""
    if workload.kernel != 3 or workload.groups != 1:
        return "not a plain 3x3 convolution"
    if workload.reads_picture or workload.writes_picture:
        return "reads or writes the picture"
    if workload.in_magnitude > MAX_ACTIVATION or workload.weight_magnitude > MAX_WEIGHT:
        return (f"codes up to {workload.in_magnitude} and weights up to {workload.weight_magnitude} leave int8 when transformed "
                f"(limits {MAX_ACTIVATION} and {MAX_WEIGHT})")  # fmt: skip
    if not workload.packable:
        return "values may leave int32 before they are clipped"
    if VNNI.layout.padded(workload.out_channels // workload.shuffle**2) % 32:
        return "output channels do not fill vectors of 32"
    return Kernel("winograd.vnni", winograd_convolution(workload), lambda constants: pack_winograd(workload, constants))


def winograd_convolution(workload: Convolution):  # noqa: ANN201 - tirx.PrimFunc
    """Build the PrimFunc."""
    outputs = packed_outputs(workload)
    shape = Shape(VNNI.layout.padded(workload.in_channels), outputs, block_channels(workload))
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        rows, columns = Var("rows", "int64"), Var("columns", "int64")
        height, width = rows - 2 * workload.in_halo, columns - 2 * workload.in_halo
        buffers = declare_parameters(workload, shape, rows, columns)
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        across = T.bind(T.cast(T.ceildiv(width, 2), "int32"))
        tiles = T.bind(across * T.cast(T.ceildiv(height, 2), "int32"))
        chunks = T.bind(T.ceildiv(tiles, shape.tiles))
        with T.parallel(0, T.ceildiv(chunks, TASK_CHUNKS)) as task:
            transformed = T.alloc_buffer((16, shape.tiles, shape.inputs), "uint8", scope="global")
            sums = T.alloc_buffer((shape.tiles, 8, shape.block), "int32", scope="global")
            places = T.alloc_buffer((2, shape.tiles), "int32", scope="global")
            with T.serial(0, T.min(TASK_CHUNKS, chunks - task * TASK_CHUNKS)) as part:
                first = T.bind((task * TASK_CHUNKS + part) * shape.tiles)
                locate_tiles(places, first, across, tiles, shape)
                transform_input(workload, buffers.source, transformed, places, shape, (rows, columns))
                with T.serial(0, outputs // shape.block) as block:
                    multiply(workload, buffers, transformed, sums, places, block, shape)
                    with T.serial(0, T.min(shape.tiles, tiles - first)) as tile:
                        place = (places[0, tile], places[1, tile])
                        transform_output(workload, buffers, sums, tile, place, block, shape, (height, width))
                if buffers.codes is not None and workload.out_halo:
                    with T.serial(0, T.min(shape.tiles, tiles - first)) as tile:
                        with T.If(places[1, tile] == 0), T.Then():
                            for y in range(2):
                                with T.If(places[0, tile] + y < height), T.Then():
                                    fill_halo_columns(workload, VNNI, buffers, places[0, tile] + y, width)
    return builder.get()


def declare_parameters(workload: Convolution, shape: Shape, rows: Var, columns: Var) -> Parameters:
    """``weight`` and ``start`` as winograd_packing lays them out; the rest as the direct kernel's, packed."""
    blocks, parts = shape.outputs // shape.block, shape.block // (16 * VECTORS)
    weight = (blocks, parts, 4, STAGES, shape.inputs // 4, 2, VECTORS, 64)
    features = VNNI.layout.padded(workload.out_channels // workload.shuffle**2)
    parameters = Parameters(
        T.arg("source", feature_map((rows, columns, shape.inputs), "uint8")),
        T.arg("weight", T.buffer(weight, "int8")),
        T.arg("start", T.buffer((blocks, parts, 4, 2, 16 * VECTORS), "int32")),
        T.arg("positive", T.buffer((shape.outputs,), "float32")),
        T.arg("negative", T.buffer((shape.outputs,), "float32")),
        T.arg("ratio", T.buffer((features,), "float32")),
        T.arg("bounds", T.buffer((3,), "int32")),
        T.arg("levels", T.buffer((TABLE,), "uint8")),
        T.arg("padding", T.buffer((1,), "uint8")),
    )
    height, width = (size * workload.shuffle for size in (rows - 2 * workload.in_halo, columns - 2 * workload.in_halo))
    if workload.adds_skip and not workload.in_place:
        parameters.skip = T.arg("skip", feature_map((height, width, features), "int16"))
    if workload.writes_stream:
        parameters.stream = T.arg("stream", feature_map((height, width, features), "int16"))
    if workload.in_place:
        parameters.skip = parameters.stream
    if workload.codes != "none":
        halo = 2 * workload.out_halo
        parameters.codes = T.arg("codes", feature_map((height + halo, width + halo, features), "uint8"))
    return parameters


def locate_tiles(places: Buffer, first: Expr, across: Expr, tiles: Expr, shape: Shape) -> None:
    """Rows and columns of the chunk's tiles; those behind the last tile repeat it and are computed for nothing."""
    with T.serial(0, shape.tiles) as tile:
        index = T.bind(T.min(first + tile, tiles - 1))
        row = T.bind(T.truncdiv(index, across))
        T.buffer_store(places, row * 2, [0, tile])
        T.buffer_store(places, (index - row * across) * 2, [1, tile])


def transform_input(
    workload: Convolution, source: Buffer, transformed: Buffer, places: Buffer, shape: Shape, extent: tuple[Expr, Expr]
) -> None:
    """B^T d B of every tile, in bytes modulo 256.

    Stored codes are m + 128; in every sum of four the 128s cancel. Flipping the top bit of the four values in rows and
    columns 2 and 3 adds 128 to every result, which makes it unsigned as the dot product wants it. Values outside the map
    (odd heights and widths) only reach results outside it, so any row or column does for them.
    """
    lanes = 64 if shape.inputs % 64 == 0 else 32 if shape.inputs % 32 == 0 else 16
    offset = workload.in_halo - 1
    with T.serial(0, shape.tiles) as tile, T.serial(0, shape.inputs // lanes) as vector:
        channels = T.ramp(vector * lanes, 1, lanes)
        down = [T.bind(T.min(places[0, tile] + i + offset, T.cast(extent[0], "int32") - 1)) for i in range(4)]
        right = [T.bind(T.min(places[1, tile] + j + offset, T.cast(extent[1], "int32") - 1)) for j in range(4)]
        flip = T.broadcast(T.uint8(128), lanes)
        columns = []
        for j in range(4):
            values = [source[down[i], right[j], channels] for i in range(4)]
            values = [T.bind(T.bitwise_xor(v, flip) if i >= 2 and j >= 2 else v) for i, v in enumerate(values)]
            columns.append(butterfly(values))
        for i in range(4):
            for j, value in enumerate(butterfly([column[i] for column in columns])):
                T.buffer_store(transformed, value, [j * 4 + i, tile, channels])


def butterfly(values: list[Expr]) -> list[Expr]:
    """B^T of four values."""
    a, b, c, d = values
    return [T.bind(value) for value in (a - c, b + c, c - b, b - d)]


def prefetch(address: Expr, write: bool) -> None:
    """Ask for a cache line that will be read or written soon."""
    T.evaluate(T.call_llvm_intrin(
        "llvm.prefetch.p0", T.address_of(address), T.int32(int(write)), T.int32(3), T.int32(1), dtype="void"
    ))  # fmt: skip


def prefetch_tiles(
    workload: Convolution, buffers: Parameters, places: Buffer, block: Var, part: Var, j: Var, shape: Shape
) -> None:
    """While products are summed, fetch lines of what the chunk writes and the next one reads, some for every part and column.

    Worth 4 to 8 % of a layer. An address behind the end of a map is harmless here.
    """
    with T.serial(0, shape.tiles) as tile:
        row, column = T.bind(places[0, tile]), T.bind(places[1, tile])
        y, x, channel = output_position(workload, row + j // 2, column + j % 2, block, shape)
        if buffers.codes is not None:
            prefetch(buffers.codes[y + workload.out_halo, x + workload.out_halo, channel], True)
        if buffers.skip is not None:
            prefetch(buffers.skip[y, x, channel + part * 32], workload.in_place)
        prefetch(buffers.source[row + j, column + 2 * shape.tiles + part, 0], False)


def multiply(
    workload: Convolution, buffers: Parameters, transformed: Buffer, sums: Buffer, places: Buffer, block: Var, shape: Shape
) -> None:
    """The 16 matrix products of a chunk with one block of output channels, rows of the output transform included."""
    lanes = T.ramp(0, 1, 16)
    with T.serial(0, shape.block // (16 * VECTORS)) as part, T.serial(0, 4) as j, T.serial(0, GROUPS) as group:
        prefetch_tiles(workload, buffers, places, block, part, j, shape)
        both = [
            [[T.alloc_buffer((16,), "int32", scope="global") for _ in range(VECTORS)] for _ in range(TILES)] for _ in range(2)
        ]
        swap = T.alloc_buffer((16,), "int32", scope="global")
        every = [(q, t, v) for q in range(2) for t in range(TILES) for v in range(VECTORS)]
        for q, t, v in every:
            T.buffer_store(both[q][t][v], buffers.start[block, part, j, q, T.ramp(16 * v, 1, 16)], [lanes])
        for stage, rows in enumerate(((1, 2), (0, 3))):
            with T.serial(0, shape.inputs // (4 * UNROLL)) as step:
                for unrolled in range(UNROLL):
                    k = step * UNROLL + unrolled
                    for q, t, v in every:
                        activation = transformed[j * 4 + rows[q], group * TILES + t, T.ramp(k * 4, 1, 4)]
                        weight = buffers.weight[block, part, j, stage, k, q, v, T.ramp(0, 1, 64)]
                        T.buffer_store(both[q][t][v], vnni_dot(both[q][t][v][lanes], activation, weight), [lanes])
            if stage == 0:
                for t in range(TILES):
                    for v in range(VECTORS):
                        first, second = both[0][t][v], both[1][t][v]
                        T.buffer_store(swap, first[lanes] - second[lanes], [lanes])
                        T.buffer_store(first, first[lanes] + second[lanes], [lanes])
                        T.buffer_store(second, swap[lanes], [lanes])
        for q, t, v in every:
            place = [group * TILES + t, j * 2 + q, T.ramp(part * 16 * VECTORS + 16 * v, 1, 16)]
            T.buffer_store(sums, both[q][t][v][lanes], place)


def transform_output(
    workload: Convolution, buffers: Parameters, sums: Buffer, tile: Var, place: tuple[Expr, Expr], block: Var, shape: Shape,
    extent: tuple[Expr, Expr],
) -> None:  # fmt: skip
    """Combine columns and write the tile's four pixels, those that lie on the map."""
    row, column = (T.bind(part) for part in place)
    pixels: list[list[list[Expr]]] = [[[], []], [[], []]]
    for v in range(shape.block // 16):
        for y in range(2):
            m = [T.bind(sums[tile, j * 2 + y, T.ramp(16 * v, 1, 16)]) for j in range(4)]
            pixels[y][0].append(T.bind(m[0] + m[1] + m[2]))
            pixels[y][1].append(T.bind(m[1] - m[2] - m[3]))
    for y in range(2):
        for x in range(2):
            at = output_position(workload, row + y, column + x, block, shape)
            if y == x == 0:
                write_packed(workload, buffers, pixels[y][x], block * shape.block, at)
                continue
            with T.If(T.And(row + y < extent[0], column + x < extent[1])), T.Then():
                write_packed(workload, buffers, pixels[y][x], block * shape.block, at)


def output_position(workload: Convolution, row: Expr, column: Expr, block: Var, shape: Shape) -> tuple[Expr, Expr, Expr]:
    """Row, column and first channel in the output: a block lies in one position of the pixel shuffle."""
    factor = workload.shuffle
    if factor == 1:
        return row, column, block * shape.block
    blocks = shape.outputs // factor**2 // shape.block
    position = block // blocks
    return row * factor + position // factor, column * factor + position % factor, block % blocks * shape.block
