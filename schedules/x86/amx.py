"""Direct convolution on AMX tiles: 16 pixels x 64 bytes of codes times 64 bytes x 16 output channels in one instruction.

The codes of 16 neighbouring pixels lie one stride apart in the feature map, so a tile is loaded straight from it, and each
tap of a kernel is a load from another place. While a block of sums is multiplied, the block before it is requantized and
written, some pixels after every step, because the tile unit and the vector units work side by side.
"""

from collections.abc import Callable

from tvm.ir import Expr
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import PrimFunc, Var

from schedules.cpu.halo import fill_halo_columns
from schedules.cpu.parameters import Parameters, declare_parameters
from schedules.cpu.unit import TABLE_ENTRIES
from schedules.workload import Convolution, Kernel
from schedules.x86 import amx_tiles as tiles
from schedules.x86.amx_epilogue import epilogue_of
from schedules.x86.amx_packing import block_of, pack_amx, steps_of
from schedules.x86.amx_tiles import LANES, ROWS, Block
from schedules.x86.units import VNNI

MOST_STEPS = 128  # they are unrolled

# (row of the block, first pixel, end): writes these pixels of a block
WritePixels = Callable[[int, int, int], None]


def amx_rule(workload: Convolution) -> Kernel | str:
    """A registry rule."""
    if workload.groups != 1:
        return "grouped convolution"
    if workload.writes_picture and workload.out_channels == 1:
        return "one output channel of the 16 in a tile"
    if len(steps_of(workload)) > MOST_STEPS:
        return f"a sum takes more than {MOST_STEPS} products of tiles"
    return Kernel("direct.amx", amx_convolution(workload), lambda constants: pack_amx(workload, constants))


def amx_convolution(workload: Convolution) -> PrimFunc:
    """Build the PrimFunc: bands of rows in parallel."""
    block, steps, epilogue = block_of(workload), len(steps_of(workload)), epilogue_of(workload)
    outputs = len(epilogue.order(workload, block.vectors))
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        rows, columns = Var("rows", "int64"), Var("columns", "int64")
        height, width = rows - 2 * workload.in_halo, columns - 2 * workload.in_halo
        groups = outputs // (block.vectors * LANES)
        weight = (groups, steps, block.vectors, block.depth // tiles.GROUP, tiles.BYTES)
        levels = (TABLE_ENTRIES, epilogue.levels_dtype)
        buffers = declare_parameters(workload, VNNI, (rows, columns), outputs, weight, (outputs,), levels)
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        with T.parallel(0, T.ceildiv(height, block.down)) as band:
            row = T.bind(band * block.down)
            compute_band(workload, block, buffers, row, (height, width))
            if buffers.codes is not None and workload.out_halo:
                with T.serial(0, T.min(block.down, height - row)) as y:
                    fill_halo_columns(workload, VNNI, buffers, row + y, width)
    return builder.get()


def compute_band(
    workload: Convolution, block: Block, buffers: Parameters, row: Expr, extent: tuple[Expr, Expr]
) -> None:
    """All blocks of ``block.down`` rows: by groups of output channels, whose weights then stay in the cache, and columns.

    A row's last tile begins within the one before it, where its pixels are not written again; a map that is narrower than a
    tile has tiles of its own width. A row beyond the map is computed as the last one, and not written.
    """
    height, width = extent
    pixels, across = T.bind(T.min(ROWS, width)), T.bind(T.ceildiv(width, ROWS))
    down = [T.bind(T.min(row + y, height - 1)) for y in range(block.down)]
    sums = T.alloc_buffer((block.down, ROWS, block.vectors * LANES), "int32", scope="global")
    blocks = int(buffers.weight.shape[0]) * across
    tiles.configure(block, pixels)
    with T.serial(0, blocks + 1) as number:
        group, column = T.bind(T.truncdiv(number, across)), T.bind(T.truncmod(number, across) * ROWS)
        before, written = T.bind(T.truncdiv(number - 1, across)), T.bind(T.truncmod(number - 1, across) * ROWS)
        begin = T.bind(T.min(written, width - pixels))
        first, last = T.bind(written - begin), T.bind(T.if_then_else(number > 0, pixels, T.int64(0)))

        def write(y: int, low: int, high: int) -> None:
            """Pixels of the block before this one."""
            end = T.if_then_else(row + y < height, T.min(last, high), T.int64(0))
            with T.serial(T.max(first, low), end) as pixel:
                every = [T.ramp(vector * LANES, 1, LANES) for vector in range(block.vectors)]
                values = [T.bind(sums[y, pixel, lanes]) for lanes in every]
                place = (row + y, begin + pixel, before * block.vectors)
                epilogue_of(workload).write(workload, VNNI, buffers, values, *place)

        with T.If(number < blocks):
            with T.Then():
                multiply_block(workload, block, buffers, down, T.bind(T.min(column, width - pixels)), group, write)
                for y in range(block.down):
                    for vector in range(block.vectors):
                        tiles.store(block.sums(y, vector), sums[y, 0, vector * LANES], 4 * LANES * block.vectors)
            with T.Else():
                for y in range(block.down):
                    write(y, 0, ROWS)
    tiles.release()


def multiply_block(
    workload: Convolution, block: Block, buffers: Parameters, down: list[Expr], column: Expr, group: Expr, write: WritePixels
) -> None:
    """The sums of the tiles at rows ``down`` and a column, while ``write`` writes those of the block before it."""
    steps, stride = steps_of(workload), workload.source_channels(VNNI.layout)
    shares, offset = share_pixels(block, len(steps)), workload.in_halo - workload.kernel // 2
    for y in range(block.down):
        for vector in range(block.vectors):
            tiles.load(block.sums(y, vector), buffers.start[(group * block.vectors + vector) * LANES], 0)  # in every row
    for number, step in enumerate(steps):
        for y in range(block.down):
            at = [down[y] + step.row + offset, column + step.column + offset, step.channel]
            tiles.load(block.codes(y), buffers.source[at], stride)
        for vector in range(block.vectors):
            tiles.load(block.weights(vector), buffers.weight[group, number, vector, 0, 0], tiles.BYTES)
            for y in range(block.down):
                tiles.multiply(block.sums(y, vector), block.codes(y), block.weights(vector))
        for share in shares[number]:
            write(*share)


def share_pixels(block: Block, steps: int) -> list[list[tuple[int, int, int]]]:
    """(row, first pixel, end) of what is written after each step: equal parts of 16 pixels, spread over the steps."""
    count = next(size for size in (1, 2, 4, 8, 16) if size * steps >= ROWS * block.down or size == ROWS)
    parts = [(y, first, first + count) for y in range(block.down) for first in range(0, ROWS, count)]
    shares: list[list[tuple[int, int, int]]] = [[] for _ in range(steps)]
    for number, part in enumerate(parts):
        shares[number * steps // len(parts)].append(part)
    return shares
