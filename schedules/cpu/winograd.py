"""Exact integer Winograd F(2x2, 3x3): 16 products where a direct convolution needs 36.

For decoded values |m| <= 31 the transformed input B^T d B is a sum of four of them and fits int8. The transformed weights
(2G) w (2G)^T fit it too for weights within 14, and for larger ones where it was seen to that they do
(tvm_srq.winograd_range); units that multiply int16 take any codes. Products are summed exactly in
int32, and the output transform gives exactly four times the direct convolution's accumulator (Lavin and Gray, CVPR 2016,
for the algorithm).

A task takes chunks of tiles, a tile being 2x2 pixels. The rows of the output transform are folded into the accumulators:
M1 and M2 are summed first, turned into S = M1 + M2 and D = M1 - M2, and M0 is added to S, -M3 to D. So 8 of 16 products per
tile and channel reach memory (``sums``); the columns are combined when results are written.
"""

from dataclasses import dataclass

import numpy as np
from tvm.ir import Expr
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer, Var

from schedules.cpu.epilogue import position
from schedules.cpu.halo import fill_halo_columns
from schedules.cpu.packing import channel_order, stored_channels
from schedules.cpu.parameters import Parameters, declare_parameters
from schedules.cpu.prefetch import prefetch
from schedules.cpu.unit import TABLE_ENTRIES, DotUnit, RegisterTile, multiply_steps
from schedules.cpu.winograd_packing import STAGES, pack_winograd
from schedules.cpu.winograd_unit import WinogradUnit
from schedules.workload import Convolution, Kernel

TASK_CHUNKS = 16


@dataclass(frozen=True)
class Shape:
    """Sizes within one chunk: stored input channels, packed output channels, channels of an output block, vectors, tiles."""

    inputs: int
    outputs: int
    block: int
    vectors: int
    tiles: int
    lanes: int

    @property
    def parts(self) -> int:
        """Register tiles across a block."""
        return self.block // (self.vectors * self.lanes)


def winograd_rule(winograd: WinogradUnit):  # noqa: ANN201 - a registry Rule
    """The rule of this kernel for one vector unit: it applies where exactness is proved."""

    def rule(workload: Convolution) -> Kernel | str:
        if workload.kernel != 3 or workload.groups != 1:
            return "not a plain 3x3 convolution"
        if workload.reads_picture or workload.writes_picture:
            return "reads or writes the picture"
        if stored_channels(workload, winograd.unit) % winograd.unit.group:
            return f"its input channels in memory are no multiple of {winograd.unit.group}"
        transformed = 4 * workload.in_magnitude, workload.largest_transformed_weight
        if any(value > limit for value, limit in zip(transformed, winograd.transformed)):
            return (f"transformed codes up to {transformed[0]} and weights up to {transformed[1]} may overflow "
                    f"(limits {winograd.transformed[0]} and {winograd.transformed[1]})")  # fmt: skip
        if 36 * 4 * workload.in_magnitude * workload.weight_magnitude * workload.in_channels >= 2**30:
            return "its sums may leave int32"
        refusal = winograd.refuses(workload)
        if refusal is not None:
            return refusal
        function = winograd_convolution(workload, winograd)
        return Kernel(f"winograd.{winograd.unit.name}", function, lambda c: pack_winograd(workload, winograd, c))

    return rule


def shape_of(workload: Convolution, winograd: WinogradUnit) -> Shape:
    unit, (block, vectors) = winograd.unit, winograd.block(workload)
    outputs = len(channel_order(workload, unit))
    return Shape(stored_channels(workload, unit), outputs, block, vectors, winograd.tiles, unit.lanes)


def winograd_convolution(workload: Convolution, winograd: WinogradUnit):  # noqa: ANN201 - tirx.PrimFunc
    """Build the PrimFunc."""
    shape, unit = shape_of(workload, winograd), winograd.unit
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        rows, columns = Var("rows", "int64"), Var("columns", "int64")
        height, width = rows - 2 * workload.in_halo, columns - 2 * workload.in_halo
        buffers = declare_buffers(workload, winograd, shape, (rows, columns))
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        across = T.bind(T.cast(T.ceildiv(width, 2), "int32"))
        tiles = T.bind(across * T.cast(T.ceildiv(height, 2), "int32"))
        chunks = T.bind(T.ceildiv(tiles, shape.tiles))
        with T.parallel(0, T.ceildiv(chunks, TASK_CHUNKS)) as task:
            paired, span = 2 if unit.pairs else 1, span_of(shape, winograd)
            shape_of_input = (16, shape.inputs // span, shape.tiles // paired, span * paired)
            transformed = T.alloc_buffer(shape_of_input, unit.layout.storage, scope="global")
            sums = T.alloc_buffer((shape.tiles, 8, shape.block), "int32", scope="global")
            places = T.alloc_buffer((2, shape.tiles), "int32", scope="global")
            with T.serial(0, T.min(TASK_CHUNKS, chunks - task * TASK_CHUNKS)) as part:
                first = T.bind((task * TASK_CHUNKS + part) * shape.tiles)
                here = T.bind(T.min(shape.tiles, tiles - first))
                locate_tiles(places, first, across, tiles, shape)
                transform_input(workload, winograd, buffers.source, transformed, places, shape, (rows, columns))
                with T.serial(0, shape.outputs // shape.block) as block:
                    multiply(workload, winograd, buffers, transformed, sums, places, block, shape)
                    with T.serial(0, here) as tile:
                        place = (places[0, tile], places[1, tile])
                        transform_output(workload, winograd, buffers, sums, tile, place, block, shape, (height, width))
                if buffers.codes is not None and workload.out_halo:
                    with T.serial(0, here) as tile, T.If(places[1, tile] == 0), T.Then():
                        for y in range(2):
                            with T.If(places[0, tile] + y < height), T.Then():
                                fill_halo_columns(workload, unit, buffers, places[0, tile] + y, width)
    return builder.get()


def declare_buffers(
    workload: Convolution, winograd: WinogradUnit, shape: Shape, extent: tuple[Var, Var]
) -> Parameters:
    """The direct kernel's parameters, but weights and starts as winograd_packing lays them out."""
    unit, blocks = winograd.unit, shape.outputs // shape.block
    weight = (blocks, shape.parts, 4, STAGES, shape.inputs // unit.group, 2, shape.vectors, unit.lanes * unit.group)
    start = (blocks, shape.parts, 4, 2, unit.lanes * shape.vectors)
    levels = (TABLE_ENTRIES, winograd.levels_dtype)
    return declare_parameters(workload, unit, extent, shape.outputs, weight, start, levels)


def locate_tiles(places: Buffer, first: Expr, across: Expr, tiles: Expr, shape: Shape) -> None:
    """Rows and columns of the chunk's tiles; those behind the last tile repeat it and are computed for nothing."""
    with T.serial(0, shape.tiles) as tile:
        index = T.bind(T.min(first + tile, tiles - 1))
        row = T.bind(T.truncdiv(index, across))
        T.buffer_store(places, row * 2, [0, tile])
        T.buffer_store(places, (index - row * across) * 2, [1, tile])


def transform_input(
    workload: Convolution, winograd: WinogradUnit, source: Buffer, transformed: Buffer, places: Buffer, shape: Shape,
    extent: tuple[Expr, Expr],
) -> None:  # fmt: skip
    """B^T d B of every tile.

    Where codes are stored unsigned, as m + 128, sums are taken modulo 256: in every sum of four the 128s cancel. Flipping
    the top bit of the four values in rows and columns 2 and 3 adds 128 to every result, which makes it unsigned again.
    Values outside the map (odd heights and widths) only reach results outside it, so any row or column does for them.
    """
    unit, layout = winograd.unit, winograd.unit.layout
    lanes = input_lanes(shape, winograd)
    offset = workload.in_halo - 1
    with T.serial(0, shape.tiles) as tile, T.serial(0, shape.inputs // lanes) as vector:
        channels = T.ramp(vector * lanes, 1, lanes)
        down = [T.bind(T.min(places[0, tile] + i + offset, T.cast(extent[0], "int32") - 1)) for i in range(4)]
        right = [T.bind(T.min(places[1, tile] + j + offset, T.cast(extent[1], "int32") - 1)) for j in range(4)]
        columns = []
        for j in range(4):
            values = [source[down[i], right[j], channels] for i in range(4)]
            if layout.bias and j >= 2:
                flip = T.broadcast(T.uint8(layout.bias), lanes)
                values = [T.bitwise_xor(value, flip) if i >= 2 else value for i, value in enumerate(values)]
            values = [T.bind(value) for value in values]
            columns.append(butterfly(values))
        for i in range(4):
            for j, value in enumerate(butterfly([column[i] for column in columns])):
                store_transformed(unit, transformed, value, (j * 4 + i, tile, vector * lanes), lanes, span_of(shape, winograd))


def input_lanes(shape: Shape, winograd: WinogradUnit) -> int:
    """Channels of one vector of the input transform."""
    return int(np.gcd(shape.inputs, winograd.input_bytes // np.dtype(winograd.unit.layout.storage).itemsize))


def span_of(shape: Shape, winograd: WinogradUnit) -> int:
    """Channels of a tile that lie together, the next tile's behind them: what a register tile loads at once, or all."""
    unit, span = winograd.unit, winograd.unit.group * winograd.unit.unroll
    together = unit.unroll > 1 and not unit.pairs and shape.inputs % span == 0 and span % input_lanes(shape, winograd) == 0
    return span if together else shape.inputs


def store_transformed(
    unit: DotUnit, transformed: Buffer, value: Expr, at: tuple[int, Expr, Expr], lanes: int, span: int
) -> None:
    """Store ``lanes`` channels of a tile's value; where tiles are multiplied in pairs, a pair's groups lie beside each other."""
    position, tile, first = at
    if not unit.pairs:
        place = [position, 0, tile, T.ramp(first, 1, lanes)]
        if int(transformed.shape[1]) > 1:
            place = [position, T.truncdiv(first, span), tile, T.ramp(T.truncmod(first, span), 1, lanes)]
        T.buffer_store(transformed, value, place)
        return
    group, dtype = unit.group, f"{unit.layout.storage}x{unit.group}"
    parts = [value] if lanes == group else [T.vectorlow(dtype, value), T.vectorhigh(dtype, value)]
    for number, part in enumerate(parts):
        place = (first + number * group) * 2 + T.truncmod(tile, 2) * group
        T.buffer_store(transformed, part, [position, 0, T.truncdiv(tile, 2), T.ramp(place, 1, group)])


def butterfly(values: list[Expr]) -> list[Expr]:
    """B^T of four values."""
    a, b, c, d = values
    return [T.bind(value) for value in (a - c, b + c, c - b, b - d)]


def prefetch_tiles(
    workload: Convolution, winograd: WinogradUnit, buffers: Parameters, places: Buffer, block: Var, part: Var, j: Var,
    shape: Shape,
) -> None:  # fmt: skip
    """While products are summed, fetch lines of what the chunk writes and the next one reads, some for every part and column.

    Worth 4 to 8 % of a layer on x86. An address behind the end of a map is harmless here.
    """
    with T.serial(0, shape.tiles) as tile:
        row, column = T.bind(places[0, tile]), T.bind(places[1, tile])
        first = block * (shape.block // shape.lanes)
        y, x, channel = position(workload, winograd.unit, row + j // 2, column + j % 2, first)
        if buffers.codes is not None:
            prefetch(buffers.codes[y + workload.out_halo, x + workload.out_halo, channel + workload.out_offset], True)
        if buffers.skip is not None:
            prefetch(buffers.skip[y, x, channel + part * 32], workload.in_place)
        prefetch(buffers.source[row + j, column + 2 * shape.tiles + part, 0], False)


def multiply(
    workload: Convolution, winograd: WinogradUnit, buffers: Parameters, transformed: Buffer, sums: Buffer, places: Buffer,
    block: Var, shape: Shape,
) -> None:  # fmt: skip
    """The 16 matrix products of a chunk with one block of output channels, rows of the output transform included."""
    unit, width = winograd.unit, shape.lanes
    lanes, wide = T.ramp(0, 1, width), T.ramp(0, 1, width * unit.group)
    with T.serial(0, shape.parts) as part, T.serial(0, 4) as j:
        if winograd.prefetch:
            prefetch_tiles(workload, winograd, buffers, places, block, part, j, shape)
        every = [(q, t, v) for q in range(2) for t in range(shape.tiles) for v in range(shape.vectors)]
        both = [unit.accumulators_of(shape.tiles, shape.vectors) for _ in range(2)]
        swap = T.alloc_buffer((width,), "int32", scope="global")
        for q, t, v in every:
            start = buffers.start[block, part, j, q, T.ramp(width * v, 1, width)]
            T.buffer_store(both[q][t][v], unit.spread(start, t), [lanes])
        for stage, rows in enumerate(((1, 2), (0, 3))):
            # the tile's callbacks are called before ``rows`` and ``stage`` change
            def activation(q: int, t: int, first: Expr, channels: int, rows: tuple[int, int] = rows) -> Expr:
                span = span_of(shape, winograd)
                if span == shape.inputs:
                    return transformed[j * 4 + rows[q], 0, t, T.ramp(first, 1, channels)]
                return transformed[j * 4 + rows[q], T.truncdiv(first, span), t, T.ramp(T.truncmod(first, span), 1, channels)]

            def weight(q: int, step: Expr, v: int, stage: int = stage) -> Expr:
                return buffers.weight[block, part, j, stage, step, q, v, wide]

            tile = RegisterTile(both, activation, weight)
            multiply_steps(unit, unit.multiply, tile, shape.inputs // unit.group, winograd.unroll)
            if stage == 0:
                for t in range(shape.tiles):
                    for v in range(shape.vectors):
                        first, second = both[0][t][v], both[1][t][v]
                        T.buffer_store(swap, first[lanes] - second[lanes], [lanes])
                        T.buffer_store(first, first[lanes] + second[lanes], [lanes])
                        T.buffer_store(second, swap[lanes], [lanes])
        for q, t, v in every:
            place = [t, j * 2 + q, T.ramp((part * shape.vectors + v) * width, 1, width)]
            T.buffer_store(sums, unit.channels_of(both[q], t, v), place)


def transform_output(
    workload: Convolution, winograd: WinogradUnit, buffers: Parameters, sums: Buffer, tile: Var, place: tuple[Expr, Expr],
    block: Var, shape: Shape, extent: tuple[Expr, Expr],
) -> None:  # fmt: skip
    """Combine columns and write the tile's four pixels, those that lie on the map."""
    row, column = (T.bind(part) for part in place)
    vectors = shape.block // shape.lanes
    together = min(winograd.written or vectors, vectors)
    if together == vectors:
        write_tile(workload, winograd, buffers, sums, tile, (row, column), block * vectors, (0, vectors), shape, extent)
        return
    whole = vectors // together
    with T.serial(0, whole) as part:
        some = (part * together, together)
        write_tile(workload, winograd, buffers, sums, tile, (row, column), block * vectors, some, shape, extent)
    if vectors % together:
        rest = (whole * together, vectors % together)
        write_tile(workload, winograd, buffers, sums, tile, (row, column), block * vectors, rest, shape, extent)


def write_tile(
    workload: Convolution, winograd: WinogradUnit, buffers: Parameters, sums: Buffer, tile: Var, corner: tuple[Expr, Expr],
    block: Expr, part: tuple[Expr | int, int], shape: Shape, extent: tuple[Expr, Expr],
) -> None:  # fmt: skip
    """Four pixels of ``part`` = (first, number) of the vectors of a block that begins with vector ``block``."""
    first, count = part
    pixels: list[list[list[Expr]]] = [[[], []], [[], []]]
    for v in range(count):
        for y in range(2):
            at = T.ramp((first + v) * shape.lanes, 1, shape.lanes)
            m = [T.bind(sums[tile, j * 2 + y, at]) for j in range(4)]
            pixels[y][0].append(T.bind(m[0] + m[1] + m[2]))
            pixels[y][1].append(T.bind(m[1] - m[2] - m[3]))
    for y in range(2):
        for x in range(2):
            arguments = (workload, winograd.unit, buffers, pixels[y][x], corner[0] + y, corner[1] + x, block + first)
            if y == x == 0:
                winograd.write(*arguments)
                continue
            with T.If(T.And(corner[0] + y < extent[0], corner[1] + x < extent[1])), T.Then():
                winograd.write(*arguments)
