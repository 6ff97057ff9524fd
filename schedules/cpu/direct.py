"""Direct convolution: a register tile of pixels x channel vectors, all taps and input channels summed in registers."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tvm.ir import Expr
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Var

from schedules.cpu.halo import fill_halo_columns
from schedules.cpu.packing import (
    ChannelOrder,
    EpilogueConstants,
    channel_order,
    direct_constants,
    in_order,
    pack,
    stored_channels,
)
from schedules.cpu.parameters import Parameters, declare_parameters
from schedules.cpu.unit import TABLE_ENTRIES, DotUnit, RegisterTile, WriteVectors, multiply_steps
from schedules.workload import Convolution, Kernel


@dataclass(frozen=True)
class DirectEpilogue:
    """A way to write a register tile's results.

    Attributes:
        write: writes one pixel's vectors.
        order: of the channels in them.
        constants: bounds, levels and padding.
        levels_dtype: of the table among them.
        serves: (workload, vectors of a register tile) -> whether it can be used.
    """

    write: WriteVectors
    order: ChannelOrder
    constants: EpilogueConstants
    levels_dtype: str
    serves: Callable[[Convolution, int], bool] = lambda workload, vectors: True


def direct_rule(unit: DotUnit, packed: DirectEpilogue | None = None):  # noqa: ANN201 - a registry Rule
    """The rule of this kernel for one vector unit; ``packed`` is preferred to the unit's own epilogue where it serves."""
    own = DirectEpilogue(unit.write, in_order, direct_constants, "int32" if unit.lookup else unit.layout.storage)

    def rule(workload: Convolution) -> Kernel | str:
        if workload.groups != 1:
            return "grouped convolution"
        vectors = unit.tile(len(channel_order(workload, unit)) // unit.lanes)[1]
        epilogue = packed if packed is not None and packed.serves(workload, vectors) else own
        function = direct_convolution(workload, replace(unit, write=epilogue.write), epilogue.levels_dtype)
        return Kernel(f"direct.{unit.name}", function, lambda c: pack(workload, unit, c, epilogue.order, epilogue.constants))

    return rule


def direct_convolution(workload: Convolution, unit: DotUnit, levels_dtype: str):  # noqa: ANN201 - tirx.PrimFunc
    """Build the PrimFunc: rows in parallel; in a row, blocks of channels, then tiles of pixels, then single pixels."""
    outputs = len(channel_order(workload, unit))
    pixels, vectors = unit.tile(outputs // unit.lanes)
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        rows, columns = Var("rows", "int64"), Var("columns", "int64")
        height, width = rows - 2 * workload.in_halo, columns - 2 * workload.in_halo
        blocks, steps = outputs // (unit.lanes * vectors), stored_channels(workload, unit) // unit.group
        weight = (blocks, workload.kernel**2, steps, vectors, unit.lanes * unit.group)
        levels = (TABLE_ENTRIES, levels_dtype)
        buffers = declare_parameters(workload, unit, (rows, columns), outputs, weight, (outputs,), levels)
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        with T.parallel(0, height) as row:
            with T.serial(0, outputs // (unit.lanes * vectors)) as block:
                with T.serial(0, width // pixels) as tile:
                    compute_tile(workload, unit, buffers, row, tile * pixels, block, (pixels, vectors))
                with T.serial(0, width % pixels) as rest:
                    compute_tile(workload, unit, buffers, row, width - width % pixels + rest, block, (1, vectors))
            if buffers.codes is not None and workload.out_halo:
                fill_halo_columns(workload, unit, buffers, row, width)
    return builder.get()


def compute_tile(
    workload: Convolution, unit: DotUnit, buffers: Parameters, row: Var, column: Expr, block: Var, tile: tuple[int, int]
) -> None:
    """Accumulate ``tile`` = (pixels, vectors) outputs from (row, column) on and write their results."""
    pixels, vectors = tile
    lanes, every = unit.lanes, T.ramp(0, 1, unit.lanes)
    sums = unit.accumulators_of(pixels, vectors)
    for vector in range(vectors):
        channel = T.ramp((block * vectors + vector) * lanes, 1, lanes)
        for totals in sums:
            T.buffer_store(totals[vector], buffers.start[channel], [every])
    kernel, offset = workload.kernel, workload.in_halo - workload.kernel // 2
    with T.serial(0, kernel) as y, T.serial(0, kernel) as x:

        def activation(_: int, pixel: int, first: Expr, channels: int) -> Expr:
            return buffers.source[row + y + offset, column + pixel + x + offset, T.ramp(first, 1, channels)]

        def weight(_: int, step: Expr, vector: int) -> Expr:
            return buffers.weight[block, y * kernel + x, step, vector, T.ramp(0, 1, lanes * unit.group)]

        register_tile = RegisterTile([sums], activation, weight)
        multiply_steps(unit, unit.multiply, register_tile, stored_channels(workload, unit) // unit.group, unit.unroll)
    for pixel in range(pixels):
        results = [total[every] for total in sums[pixel]]
        unit.write(workload, unit, buffers, results, row, column + pixel, block * vectors)
