"""Exact integer Winograd F(4x4, 3x3) on 16-bit widening multiplies: 36 products where a direct convolution needs 144.

For cores without dot products. The transforms are Lavin and Gray's (CVPR 2016), scaled to integers: B^T d B of bytes and the
weights times 24 a dimension fit int16. Products are summed modulo 2^32, and so is the output transform, which gives 576 times
the convolution: whatever leaves int32 on the way does not matter. 576 is 64 * 9, and 9 has an inverse modulo 2^32; multiplying
by it leaves 64 times the convolution, which fits int32 if the convolution fits 26 bits. That alone is proved from the ranges.

Arithmetic that may wrap around is written as LLVM's vector-predicated operations (``wrapping``): TVM tells LLVM of a plain
addition that it never overflows.
"""

import numpy as np
from numpy.typing import NDArray
from tvm.ir import Expr
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer, Var

from schedules.arm.units import NEON
from schedules.cpu.direct import Parameters, declare_parameters
from schedules.cpu.halo import fill_halo_columns
from schedules.cpu.packing import channel_order, dense_weights, pack_rest, stored_channels
from schedules.cpu.unit import TABLE_ENTRIES
from schedules.workload import Constants, Convolution, Kernel

EDGE, SIDE = 4, 6  # pixels of a tile's side, and of what it reads
POSITIONS, PIXELS = SIDE * SIDE, EDGE * EDGE
TILES, VECTORS, GROUP = 4, 4, 8  # register tile; input channels of one load
TASK_CHUNKS = 8
INVERSE_OF_9 = 954437177
SCALED_G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 6]])


def winograd4_rule(workload: Convolution) -> Kernel | str:
    """A registry rule."""
    if workload.kernel != 3 or workload.groups != 1 or workload.reads_picture:
        return "not a plain 3x3 convolution"
    channels = stored_channels(workload, NEON)
    if channels % GROUP:
        return f"its input channels in memory are no multiple of {GROUP}"
    if 9 * min(workload.in_magnitude, 128) * workload.weight_magnitude * channels >= 2**25:
        return "its sums may leave 26 bits"
    return Kernel("winograd4.neon", winograd4_convolution(workload), lambda constants: pack_winograd4(workload, constants))


def wrapping(operation: str, first: Expr, second: Expr) -> Expr:
    """``add``, ``sub``, ``mul`` or ``shl`` of int32x4, modulo 2^32."""
    every = T.broadcast(T.bool(True), 4)
    return T.call_llvm_pure_intrin("int32x4", f"llvm.vp.{operation}.v4i32", first, second, every, T.uint32(4))


def vectors_beside(outputs: int) -> int:
    """Vectors of output channels of a register tile."""
    return max(n for n in range(1, VECTORS + 1) if outputs // NEON.lanes % n == 0)


def winograd4_convolution(workload: Convolution):  # noqa: ANN201 - tirx.PrimFunc
    """Build the PrimFunc: tasks take chunks of ``TILES`` tiles, a chunk is transformed once and multiplied block by block."""
    unit, channels = NEON, stored_channels(workload, NEON)
    outputs = len(channel_order(workload, unit))
    vectors = vectors_beside(outputs)
    blocks = outputs // (unit.lanes * vectors)
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        rows, columns = Var("rows", "int64"), Var("columns", "int64")
        height, width = rows - 2 * workload.in_halo, columns - 2 * workload.in_halo
        weight = (blocks, POSITIONS, channels // 2, vectors, 2 * unit.lanes)
        levels = (TABLE_ENTRIES, unit.layout.storage)
        buffers = declare_parameters(
            workload, unit, (rows, columns), outputs, weight, (outputs,), levels, weight_dtype="int16"
        )
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        across = T.bind(T.cast(T.ceildiv(width, EDGE), "int32"))
        tiles = T.bind(across * T.cast(T.ceildiv(height, EDGE), "int32"))
        chunks = T.bind(T.ceildiv(tiles, TILES))
        with T.parallel(0, T.ceildiv(chunks, TASK_CHUNKS)) as task:
            transformed = T.alloc_buffer((POSITIONS, TILES, channels), "int16", scope="global")
            sums = T.alloc_buffer((TILES, POSITIONS, vectors * unit.lanes), "int32", scope="global")
            results = T.alloc_buffer((PIXELS, vectors * unit.lanes), "int32", scope="global")
            places = T.alloc_buffer((2, TILES), "int32", scope="global")
            with T.serial(0, T.min(TASK_CHUNKS, chunks - task * TASK_CHUNKS)) as part:
                first = T.bind((task * TASK_CHUNKS + part) * TILES)
                here = T.bind(T.min(TILES, tiles - first))
                with T.serial(0, TILES) as tile:  # those behind the last one repeat it and are computed for nothing
                    index = T.bind(T.min(first + tile, tiles - 1))
                    T.buffer_store(places, T.truncdiv(index, across) * EDGE, [0, tile])
                    T.buffer_store(places, T.truncmod(index, across) * EDGE, [1, tile])
                transform_input(workload, buffers.source, transformed, places, (rows, columns))
                with T.serial(0, blocks) as block:
                    with T.serial(0, POSITIONS) as position:
                        multiply(buffers, transformed, sums, block, position, vectors, channels)
                    with T.serial(0, here) as tile:
                        with T.serial(0, vectors) as vector:
                            transform_output(buffers, sums, results, tile, vector, block * vectors)
                        place = (places[0, tile], places[1, tile])
                        write_tile(workload, buffers, results, place, block, vectors, (height, width))
                if buffers.codes is not None and workload.out_halo:
                    with T.serial(0, here) as tile, T.If(places[1, tile] == 0), T.Then():
                        with T.serial(0, T.min(EDGE, T.cast(height, "int32") - places[0, tile])) as y:
                            fill_halo_columns(workload, unit, buffers, places[0, tile] + y, width)
    return builder.get()


def transform_input(
    workload: Convolution, source: Buffer, transformed: Buffer, places: Buffer, extent: tuple[Expr, Expr]
) -> None:
    """B^T d B of every tile, in int16. Values outside the map only reach results outside it, so any will do for them."""
    offset = workload.in_halo - 1
    ends = [T.bind(T.cast(end, "int32") - 1) for end in extent]
    with T.serial(0, TILES) as tile, T.serial(0, int(source.shape[2]) // GROUP) as group:
        channels = T.ramp(group * GROUP, 1, GROUP)
        down = [T.bind(T.min(places[0, tile] + i + offset, ends[0])) for i in range(SIDE)]
        right = [T.bind(T.min(places[1, tile] + j + offset, ends[1])) for j in range(SIDE)]
        columns = []
        for j in range(SIDE):
            columns.append(input_butterfly([T.bind(T.cast(source[down[i], right[j], channels], "int16x8")) for i in range(SIDE)]))
        for i in range(SIDE):
            for j, value in enumerate(input_butterfly([column[i] for column in columns])):
                T.buffer_store(transformed, value, [i * SIDE + j, tile, channels])


def input_butterfly(d: list[Expr]) -> list[Expr]:
    """B^T of six int16x8 values: sums of magnitude 10 times theirs at most."""
    four = T.broadcast(T.int16(4), GROUP)
    step, side = T.bind(d[4] - d[2]), T.bind(d[3] - d[1])
    even, odd, double = T.bind(d[4] - d[2] * four), T.bind(d[3] - d[1] * four), T.bind(side + side)
    values = [(d[0] - d[2]) * four + step, even + odd, even - odd, step + double, step - double, d[5] - d[3] - side * four]
    return [T.bind(value) for value in values]


def multiply(
    buffers: Parameters, transformed: Buffer, sums: Buffer, block: Var, position: Var, vectors: int, channels: int
) -> None:
    """One of the 36 matrix products of a chunk with a block of output channels."""
    lanes, every = NEON.lanes, T.ramp(0, 1, NEON.lanes)
    totals = NEON.accumulators_of(TILES, vectors)
    for row in totals:
        for total in row:
            T.buffer_store(total, T.broadcast(T.int32(0), lanes), [every])
    with T.serial(0, channels // GROUP) as group:
        loaded = [T.bind(transformed[position, tile, T.ramp(group * GROUP, 1, GROUP)]) for tile in range(TILES)]
        for pair in range(GROUP // 2):
            for vector in range(vectors):
                both = T.bind(buffers.weight[block, position, group * (GROUP // 2) + pair, vector, T.ramp(0, 1, 2 * lanes)])
                for half, weight in enumerate((T.vectorlow("int16x4", both), T.vectorhigh("int16x4", both))):
                    for tile, value in enumerate(loaded):
                        spread = T.Shuffle([value], [2 * pair + half] * lanes)
                        product = T.call_llvm_pure_intrin("int32x4", "llvm.aarch64.neon.smull.v4i32", weight, spread)
                        total = totals[tile][vector]
                        T.buffer_store(total, wrapping("add", total[every], product), [every])
    for tile in range(TILES):
        for vector in range(vectors):
            T.buffer_store(sums, totals[tile][vector][every], [tile, position, T.ramp(vector * lanes, 1, lanes)])


def transform_output(buffers: Parameters, sums: Buffer, results: Buffer, tile: Var, vector: Var, first: Expr) -> None:
    """A^T M A of one vector of channels: 576 times the convolution, made accumulators."""
    lanes = NEON.lanes
    here = T.ramp(vector * lanes, 1, lanes)
    columns = [output_butterfly([sums[tile, i * SIDE + j, here] for i in range(SIDE)]) for j in range(SIDE)]
    inverse, shift = T.broadcast(T.int32(INVERSE_OF_9), lanes), T.broadcast(T.int32(6), lanes)
    start = T.bind(buffers.start[T.ramp((first + vector) * lanes, 1, lanes)])
    for y in range(EDGE):
        for x, value in enumerate(output_butterfly([column[y] for column in columns])):
            exact = T.shift_right(wrapping("mul", value, inverse), shift)
            T.buffer_store(results, start + exact, [y * EDGE + x, here])


def output_butterfly(m: list[Expr]) -> list[Expr]:
    """A^T of six int32x4 values, its last column scaled as SCALED_G's last row is."""

    def add(first: Expr, second: Expr, bits: int = 0) -> Expr:
        """first + second * 2^bits."""
        scaled = wrapping("shl", second, T.broadcast(T.int32(bits), NEON.lanes)) if bits else second
        return T.bind(wrapping("add", first, scaled))

    m = [T.bind(value) for value in m]
    sum1, sum2 = add(m[1], m[2]), add(m[3], m[4])
    difference1, difference2 = (T.bind(wrapping("sub", m[i], m[i + 1])) for i in (1, 3))
    return [
        add(add(m[0], sum1), sum2), add(difference1, difference2, 1), add(sum1, sum2, 2),
        add(add(difference1, difference2, 3), m[5], 2),
    ]  # fmt: skip


def write_tile(
    workload: Convolution, buffers: Parameters, results: Buffer, place: tuple[Expr, Expr], block: Var, vectors: int,
    extent: tuple[Expr, Expr],
) -> None:  # fmt: skip
    """Write the tile's pixels that lie on the map."""
    lanes = NEON.lanes
    row, column = (T.bind(part) for part in place)
    down, right = (T.min(EDGE, T.cast(end, "int32") - at) for end, at in zip(extent, (row, column)))
    with T.serial(0, down) as y, T.serial(0, right) as x:
        values = [T.bind(results[y * EDGE + x, T.ramp(vector * lanes, 1, lanes)]) for vector in range(vectors)]
        NEON.write(workload, NEON, buffers, values, row + y, column + x, block * vectors)


def pack_winograd4(workload: Convolution, constants: Constants) -> list[NDArray]:
    """Transformed weights (O / block, 36, I / 2, vectors, 2 channels x 4 outputs), then as every CPU kernel."""
    weight = dense_weights(workload, NEON, constants)
    outputs, inputs = weight.shape[:2]
    vectors, lanes = vectors_beside(outputs), NEON.lanes
    transformed = np.einsum("ia,ocab,jb->ijoc", SCALED_G, weight, SCALED_G)
    assert np.abs(transformed).max(initial=0) < 2**15
    shape = (POSITIONS, outputs // (vectors * lanes), vectors, lanes, inputs // 2, 2)
    tiled = np.ascontiguousarray(transformed.reshape(shape).transpose(1, 0, 4, 2, 5, 3))
    return [tiled.reshape(*tiled.shape[:4], 2 * lanes).astype(np.int16), *pack_rest(workload, NEON, constants, weight)]
