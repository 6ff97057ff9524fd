"""Direct convolution on smmla, which multiplies 8 channels of two pixels by 8 channels of two output channels.

Memory holds a pixel's channels one after the other, and an operand is two pixels in groups of 8 channels. So for every span of
columns the pixels under the kernel are stored in pairs first: (c, c + 1) for every column c, because a tap's pairs begin at even
columns or at odd ones. All output channels then read them with plain loads.
"""

from tvm.ir import Expr
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer, Var

from schedules.arm.units import I8MM
from schedules.cpu.halo import fill_halo_columns
from schedules.cpu.packing import channel_order, pack, stored_channels
from schedules.cpu.parameters import Parameters, declare_parameters
from schedules.cpu.unit import TABLE_ENTRIES, RegisterTile, multiply_steps
from schedules.workload import Convolution, Kernel

SPAN = 24  # columns: a multiple of every register tile's pixels
MOST_BYTES = 1 << 16  # of a span's pairs


def pair_columns(workload: Convolution) -> int:
    """Pairs under a row of the kernel over a span."""
    return SPAN + workload.kernel - 2 + workload.kernel % 2


def matrix_rule(workload: Convolution) -> Kernel | str:
    """A registry rule."""
    channels = stored_channels(workload, I8MM)
    if workload.groups != 1:
        return "grouped convolution"
    if channels % I8MM.group:
        return f"its input channels in memory are no multiple of {I8MM.group}"
    if workload.kernel * pair_columns(workload) * channels * 2 > MOST_BYTES:
        return "its pairs of pixels leave the first cache"
    return Kernel("direct.smmla", matrix_convolution(workload), lambda constants: pack(workload, I8MM, constants))


def matrix_convolution(workload: Convolution):  # noqa: ANN201 - tirx.PrimFunc
    """Build the PrimFunc: rows in parallel; in a row, spans of columns, then blocks of channels, then tiles of pixels."""
    unit, kernel, channels = I8MM, workload.kernel, stored_channels(workload, I8MM)
    outputs = len(channel_order(workload, unit))
    pixels, vectors = unit.tile(outputs // unit.lanes)
    pixels = max(n for n in range(2, pixels + 1, 2) if SPAN % n == 0)
    blocks = outputs // (unit.lanes * vectors)
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        rows, columns = Var("rows", "int64"), Var("columns", "int64")
        height, width = rows - 2 * workload.in_halo, columns - 2 * workload.in_halo
        weight = (blocks, kernel**2, channels // unit.group, vectors, unit.lanes * unit.group)
        levels = (TABLE_ENTRIES, unit.layout.storage)
        buffers = declare_parameters(workload, unit, (rows, columns), outputs, weight, (outputs,), levels)
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        with T.parallel(0, height) as row:
            pairs = T.alloc_buffer((kernel, pair_columns(workload), channels * 2), unit.layout.storage, scope="global")
            with T.serial(0, T.ceildiv(width, SPAN)) as span:
                begin = T.bind(span * SPAN)
                here = T.bind(T.min(width - begin, SPAN))
                store_pairs(workload, buffers.source, pairs, (row, begin), here, columns)
                with T.serial(0, blocks) as block:
                    with T.serial(0, here // pixels) as tile:
                        compute_tile(workload, buffers, pairs, row, (begin, tile * pixels), block, (pixels, vectors), width)
                    with T.serial(0, T.ceildiv(here % pixels, 2)) as rest:
                        first = here // pixels * pixels + rest * 2
                        compute_tile(workload, buffers, pairs, row, (begin, first), block, (2, vectors), width)
            if buffers.codes is not None and workload.out_halo:
                fill_halo_columns(workload, unit, buffers, row, width)
    return builder.get()


def store_pairs(
    workload: Convolution, source: Buffer, pairs: Buffer, corner: tuple[Expr, Expr], here: Expr, columns: Expr
) -> None:
    """Pairs of the input under ``here`` output pixels from ``corner`` on; the last one's second pixel may be any."""
    offset, channels = workload.in_halo - workload.kernel // 2, stored_channels(workload, I8MM)
    lanes = 16 if channels % 16 == 0 else 8
    row, begin = corner
    with T.serial(0, workload.kernel) as y, T.serial(0, here + workload.kernel - 1) as c:
        column = T.bind(begin + c + offset)
        beside = T.bind(T.min(column + 1, columns - 1))
        for first in range(0, channels, lanes):
            a, b = (T.bind(source[row + y + offset, at, T.ramp(first, 1, lanes)]) for at in (column, beside))
            for group in range(0, lanes, 8):
                both = T.Shuffle([a, b], [*range(group, group + 8), *range(lanes + group, lanes + group + 8)])
                T.buffer_store(pairs, both, [y, c, T.ramp(2 * (first + group), 1, 16)])


def compute_tile(
    workload: Convolution, buffers: Parameters, pairs: Buffer, row: Var, place: tuple[Expr, Expr], block: Var,
    tile: tuple[int, int], width: Expr,
) -> None:  # fmt: skip
    """Accumulate ``tile`` = (pixels, vectors) outputs and write them.

    Args:
        place: first column of the span, and of the tile in it.
        width: results from it on are not written.
    """
    unit, (pixels, vectors), (begin, first) = I8MM, tile, place
    lanes, every = unit.lanes, T.ramp(0, 1, unit.lanes)
    sums = unit.accumulators_of(pixels, vectors)
    for vector in range(vectors):
        channel = T.ramp((block * vectors + vector) * lanes, 1, lanes)
        for pixel, totals in enumerate(sums):
            T.buffer_store(totals[vector], unit.spread(buffers.start[channel], pixel), [every])
    with T.serial(0, workload.kernel) as y, T.serial(0, workload.kernel) as x:

        def activation(_: int, pair: int, at: Expr, count: int) -> Expr:
            return pairs[y, first + 2 * pair + x, T.ramp(at, 1, count)]

        def weight(_: int, step: Expr, vector: int) -> Expr:
            return buffers.weight[block, y * workload.kernel + x, step, vector, T.ramp(0, 1, lanes * unit.group)]

        steps = stored_channels(workload, unit) // unit.group
        multiply_steps(unit, unit.multiply, RegisterTile([sums], activation, weight), steps, unit.unroll)
    for pixel in range(pixels):
        results = [unit.channels_of(sums, pixel, vector) for vector in range(vectors)]
        arguments = (workload, unit, buffers, results, row, begin + first + pixel, block * vectors)
        if pixels > 2 or pixel == 0:
            unit.write(*arguments)
            continue
        with T.If(begin + first + pixel < width), T.Then():
            unit.write(*arguments)
