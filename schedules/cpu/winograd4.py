"""Exact integer Winograd F(4x4, 3x3) on 16-bit products: 36 products where a direct convolution needs 144.

Tasks take chunks of tiles, a tile being 4x4 pixels. A chunk is transformed once and multiplied block by block of output
channels; a block's 36 sums of a tile are transformed back, divided and written. What a register tile reads behind the last
tile of a chunk is whatever lies there, and its sums are not used. Why the result is exact:
``schedules.cpu.winograd4_transforms``.
"""

import numpy as np
from tvm.ir import Expr
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer, Var

from schedules.cpu.halo import fill_halo_columns
from schedules.cpu.parameters import Parameters, declare_parameters
from schedules.cpu.prefetch import prefetch
from schedules.cpu.unit import TABLE_ENTRIES
from schedules.cpu.winograd4_packing import pack_winograd4
from schedules.cpu.winograd4_transforms import (
    EDGE,
    PIXELS,
    POSITIONS,
    SIDE,
    B,
    divide_by_576,
    input_butterfly,
    output_butterfly,
    refuses_range,
)
from schedules.cpu.winograd4_unit import Shape, Winograd4Unit
from schedules.workload import Convolution, Kernel


def winograd4_kernel(workload: Convolution, winograd: Winograd4Unit) -> Kernel | str:
    """The kernel, or one clause why it does not apply."""
    if workload.kernel != 3 or workload.groups != 1 or workload.reads_picture:
        return "not a plain 3x3 convolution"
    refusal = refuses_range(workload)
    if refusal is not None:
        return refusal
    function = winograd4_convolution(workload, winograd)
    return Kernel(f"winograd4.{winograd.unit.name}", function, lambda constants: pack_winograd4(workload, winograd, constants))


def winograd4_convolution(workload: Convolution, winograd: Winograd4Unit):  # noqa: ANN201 - tirx.PrimFunc
    """Build the PrimFunc."""
    shape, unit = winograd.shape(workload), winograd.unit
    block, outputs = shape.vectors * shape.lanes, shape.blocks * shape.vectors * shape.lanes
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        rows, columns = Var("rows", "int64"), Var("columns", "int64")
        height, width = rows - 2 * workload.in_halo, columns - 2 * workload.in_halo
        weight = (shape.blocks, POSITIONS, shape.inputs // 2, shape.vectors, 2 * shape.lanes)
        levels = (TABLE_ENTRIES, winograd.levels_dtype)
        buffers = declare_parameters(
            workload, unit, (rows, columns), outputs, weight, (outputs,), levels, weight_dtype="int16"
        )
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        across = T.bind(T.cast(T.ceildiv(width, EDGE), "int32"))
        tiles = T.bind(across * T.cast(T.ceildiv(height, EDGE), "int32"))
        chunks = T.bind(T.ceildiv(tiles, shape.tiles))
        with T.parallel(0, T.ceildiv(chunks, winograd.task_chunks)) as task:
            transformed = T.alloc_buffer((POSITIONS, shape.tiles, shape.inputs), "int16", scope="global")
            sums = T.alloc_buffer((shape.tiles, shape.vectors, POSITIONS, shape.lanes), "int32", scope="global")
            results = T.alloc_buffer((PIXELS, block), "int32", scope="global")
            places = T.alloc_buffer((2, shape.tiles), "int32", scope="global")
            with T.serial(0, T.min(winograd.task_chunks, chunks - task * winograd.task_chunks)) as part:
                first = T.bind((task * winograd.task_chunks + part) * shape.tiles)
                here = T.bind(T.min(shape.tiles, tiles - first))
                locate_tiles(places, first, here, across)
                transform_input(workload, winograd, buffers.source, transformed, places, here, (rows, columns))
                with T.serial(0, shape.blocks) as number:
                    with T.serial(0, POSITIONS) as position:
                        if winograd.prefetch:
                            prefetch_tiles(workload, buffers.source, places, here, number, position, shape)
                        winograd.multiply(buffers, transformed, sums, here, number, position, shape)
                    with T.serial(0, here) as tile:
                        with T.serial(0, shape.vectors) as vector:
                            transform_output(buffers, sums, results, tile, vector, number, shape)
                        place = (places[0, tile], places[1, tile])
                        write_tile(workload, winograd, buffers, results, place, number, shape, (height, width))
                if buffers.codes is not None and workload.out_halo:
                    with T.serial(0, here) as tile, T.If(places[1, tile] == 0), T.Then():
                        with T.serial(0, T.min(EDGE, T.cast(height, "int32") - places[0, tile])) as y:
                            fill_halo_columns(workload, unit, buffers, places[0, tile] + y, width)
    return builder.get()


def locate_tiles(places: Buffer, first: Expr, here: Expr, across: Expr) -> None:
    """Rows and columns of the chunk's tiles."""
    with T.serial(0, here) as tile:
        row = T.bind(T.truncdiv(first + tile, across))
        T.buffer_store(places, row * EDGE, [0, tile])
        T.buffer_store(places, (first + tile - row * across) * EDGE, [1, tile])


def prefetch_tiles(
    workload: Convolution, source: Buffer, places: Buffer, here: Expr, block: Var, position: Var, shape: Shape
) -> None:
    """While the first block's products are summed, fetch the pixels that the next chunk most likely reads.

    Worth 3 to 5 % of a layer on x86. An address behind the end of the map is harmless here.
    """
    y, x = workload.in_halo - 1 + T.truncdiv(position, SIDE), shape.tiles * EDGE + T.truncmod(position, SIDE)
    with T.If(block == 0), T.Then(), T.serial(0, here) as tile:
        prefetch(source[places[0, tile] + y, places[1, tile] + x, 0], False)


def transform_input(
    workload: Convolution, winograd: Winograd4Unit, source: Buffer, transformed: Buffer, places: Buffer, here: Expr,
    extent: tuple[Expr, Expr],
) -> None:  # fmt: skip
    """B^T d B of every tile, in int16. Values outside the map only reach results outside it, so any will do for them.

    A bias of the storage, the same in all 36 values, reaches only the position whose row of B^T does not add up to zero in both
    dimensions, (1, 1), and is taken off there. With it values are 136 times 128 at most, which fits int16 too.
    """
    offset, last = workload.in_halo - 1, [T.bind(T.cast(end, "int32") - 1) for end in extent]
    with T.serial(0, here) as tile:
        row, column = (T.bind(places[axis, tile] + offset) for axis in range(2))
        down = [T.bind(T.min(row + i, last[0])) for i in range(SIDE)]
        with T.If(column + SIDE <= last[1] + 1):
            with T.Then():  # most tiles: constant distances from column to column
                transform_tile(winograd, source, transformed, tile, down, [column + j for j in range(SIDE)])
            with T.Else():
                right = [T.bind(T.min(column + j, last[1])) for j in range(SIDE)]
                transform_tile(winograd, source, transformed, tile, down, right)


def transform_tile(
    winograd: Winograd4Unit, source: Buffer, transformed: Buffer, tile: Var, down: list[Expr], right: list[Expr]
) -> None:
    """B^T d B of one tile that lies in the rows ``down`` and the columns ``right``."""
    channels = int(transformed.shape[2])
    lanes = int(np.gcd(channels, winograd.input_lanes))
    excess = np.outer(B.sum(1), B.sum(1)) * winograd.unit.layout.bias
    with T.serial(0, channels // lanes) as group:
        here, columns = T.ramp(group * lanes, 1, lanes), []
        for x in right:
            columns.append(input_butterfly([T.bind(T.cast(source[y, x, here], f"int16x{lanes}")) for y in down], lanes))
        for i in range(SIDE):
            for j, value in enumerate(input_butterfly([column[i] for column in columns], lanes)):
                if excess[i, j]:
                    value = value - T.broadcast(T.int16(int(excess[i, j])), lanes)
                T.buffer_store(transformed, value, [i * SIDE + j, tile, here])


def transform_output(
    buffers: Parameters, sums: Buffer, results: Buffer, tile: Var, vector: Var, block: Var, shape: Shape
) -> None:
    """A^T M A of one vector of channels: 576 times the convolution, made accumulators."""
    lanes = shape.lanes
    here, every = T.ramp(vector * lanes, 1, lanes), T.ramp(0, 1, lanes)
    columns = [output_butterfly([sums[tile, vector, i * SIDE + j, every] for i in range(SIDE)], lanes) for j in range(SIDE)]
    start = T.bind(buffers.start[T.ramp((block * shape.vectors + vector) * lanes, 1, lanes)])
    for y in range(EDGE):
        for x, value in enumerate(output_butterfly([column[y] for column in columns], lanes)):
            T.buffer_store(results, start + divide_by_576(value, lanes), [y * EDGE + x, here])


def write_tile(
    workload: Convolution, winograd: Winograd4Unit, buffers: Parameters, results: Buffer, place: tuple[Expr, Expr],
    block: Var, shape: Shape, extent: tuple[Expr, Expr],
) -> None:  # fmt: skip
    """Write the tile's pixels that lie on the map."""
    lanes = shape.lanes
    row, column = (T.bind(part) for part in place)
    down, right = (T.min(EDGE, T.cast(end, "int32") - at) for end, at in zip(extent, (row, column)))
    with T.serial(0, down) as y, T.serial(0, right) as x:
        values = [T.bind(results[y * EDGE + x, T.ramp(vector * lanes, 1, lanes)]) for vector in range(shape.vectors)]
        winograd.write(workload, winograd.unit, buffers, values, row + y, column + x, block * shape.vectors)
