"""Direct convolution on AMX tiles: 16 pixels x 64 bytes of codes times 64 bytes x 16 output channels in one instruction.

The codes of 16 neighbouring pixels lie one stride apart in the feature map, so a tile is loaded straight from it, and each
tap of a kernel is a load from another place. The pixels under one row of the kernel lie beside each other: there
64 bytes may take several taps. A block of sums is multiplied while the block before it is requantized and written,
some pixels between any two products, because the tile unit and the vector units work side by side.
"""

from tvm.ir import Expr
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer, Var

from schedules.cpu.halo import fill_halo_columns
from schedules.cpu.parameters import Parameters, declare_parameters
from schedules.cpu.unit import TABLE_ENTRIES
from schedules.workload import Convolution, Kernel
from schedules.x86 import amx_tiles as tiles
from schedules.x86.amx_epilogue import epilogue_of
from schedules.x86.amx_packing import Step, block_of, pack_amx, steps_of
from schedules.x86.amx_tiles import LANES, ROWS, Block
from schedules.x86.units import VNNI

MOST_STEPS = 128


def amx_rule(workload: Convolution) -> Kernel | str:
    """A registry rule."""
    if workload.groups != 1:
        return "grouped convolution"
    if len(steps_of(workload)) > MOST_STEPS:
        return f"more than {MOST_STEPS} products for each sum"
    return Kernel("direct.amx", amx_convolution(workload), lambda constants: pack_amx(workload, constants))


def amx_convolution(workload: Convolution):  # noqa: ANN201 - tirx.PrimFunc
    """Build the PrimFunc: bands of rows in parallel; in a band, groups of channels, then blocks of pixels."""
    block, steps, epilogue = block_of(workload), steps_of(workload), epilogue_of(workload)
    outputs = len(epilogue.order(workload, block.vectors))
    groups = outputs // (block.vectors * LANES)
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        rows, columns = Var("rows", "int64"), Var("columns", "int64")
        height, width = rows - 2 * workload.in_halo, columns - 2 * workload.in_halo
        weight = (groups, len(steps), block.vectors, block.depth // tiles.GROUP, tiles.BYTES)
        levels = (TABLE_ENTRIES, epilogue.levels_dtype)
        buffers = declare_parameters(workload, VNNI, (rows, columns), outputs, weight, (outputs,), levels)
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        with T.parallel(0, T.ceildiv(height, block.down)) as band:
            row = T.bind(band * block.down)
            here = T.bind(T.min(block.down, height - row))
            pixels = T.bind(T.min(ROWS, width))
            across = T.bind(T.ceildiv(width, ROWS))
            sums = T.alloc_buffer((block.down, ROWS, block.vectors * LANES), "int32", scope="global")
            tiles.configure(block, pixels)
            with T.serial(0, groups * across + 1) as number:
                group, before = T.bind(T.truncdiv(number, across)), T.bind(T.truncdiv(number - 1, across))
                place = T.bind(T.min(T.truncmod(number, across) * ROWS, width - pixels))
                written = T.bind(T.truncmod(number - 1, across) * ROWS)
                begin = T.bind(T.min(written, width - pixels))
                # the last tile of a row begins inside the one before it, whose pixels are not written again
                first, last = T.bind(written - begin), T.bind(T.if_then_else(number > 0, pixels, T.int64(0)))

                def write(pixel_row: int, low: int, high: int) -> None:
                    """Write pixels of the block before this one."""
                    end = T.if_then_else(here > pixel_row, T.min(last, high), T.int64(0))
                    with T.serial(T.max(first, low), end) as pixel:
                        values = [
                            T.bind(sums[pixel_row, pixel, T.ramp(vector * LANES, 1, LANES)]) for vector in range(block.vectors)
                        ]
                        epilogue.write(
                            workload, VNNI, buffers, values, row + pixel_row, begin + pixel, before * block.vectors
                        )

                with T.If(number < groups * across):
                    with T.Then():
                        down = [T.bind(T.min(row + y, height - 1)) for y in range(block.down)]
                        multiply_block(workload, buffers, block, steps, (down, place, group), write)
                        for y in range(block.down):
                            for vector in range(block.vectors):
                                tiles.store(block.sums(y, vector), sums[y, 0, vector * LANES], 4 * LANES * block.vectors)
                    with T.Else():
                        for y in range(block.down):
                            write(y, 0, ROWS)
            tiles.release()
            if buffers.codes is not None and workload.out_halo:
                with T.serial(0, here) as y:
                    fill_halo_columns(workload, VNNI, buffers, row + y, width)
    return builder.get()


def multiply_block(workload, buffers, block, steps, place, write) -> None:
    """The products of one block of sums; ``write`` writes pixels of the one before it."""
    down, column, group = place
    for y in range(block.down):
        for vector in range(block.vectors):
            tiles.load(block.sums(y, vector), buffers.start[(group * block.vectors + vector) * LANES], 0)
    shares = share_pixels(block, len(steps))
    offset, stride = workload.in_halo - workload.kernel // 2, workload.source_channels(VNNI.layout)
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
    shares = [[] for _ in range(steps)]
    for number, part in enumerate(parts):
        shares[number * steps // len(parts)].append(part)
    return shares
