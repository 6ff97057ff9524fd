"""Direct convolution: a register tile of pixels x channel vectors, all taps and input channels summed in registers."""

from dataclasses import dataclass

import numpy as np
from tvm.ir import Expr
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer, Var

from schedules.cpu.halo import fill_halo_columns
from schedules.cpu.packing import channel_order, pack, stored_channels
from schedules.cpu.unit import TABLE_ENTRIES, DotUnit, RegisterTile, multiply_steps
from schedules.workload import Convolution, Kernel


@dataclass
class Parameters:
    """The kernel's buffers, in the order of the PrimFunc's parameters.

    Attributes:
        source: (H + 2 * in_halo, W + 2 * in_halo, channels) codes.
        weight: (O / block, k * k, I / group, vectors, lanes * group).
        start: (O,) int32, O padded. positive, negative: (O,) float32.
        ratio: (channels,) float32. bounds: (3,) or (5,) int32, see ``packing.code_bounds``.
        levels: (TABLE_ENTRIES,) stored levels. padding: (channels,) the stored form of a real zero, for the output's halo.
        skip, stream: (H * r, W * r, channels) int16. codes: with halo. picture: (H * r, W * r, 3) uint8.
    """

    source: Buffer
    weight: Buffer
    start: Buffer
    positive: Buffer
    negative: Buffer
    ratio: Buffer
    bounds: Buffer
    levels: Buffer
    padding: Buffer
    skip: Buffer | None = None
    stream: Buffer | None = None
    codes: Buffer | None = None
    picture: Buffer | None = None


def direct_rule(unit: DotUnit):  # noqa: ANN201 - a registry Rule
    """The rule of this kernel for one vector unit."""

    def rule(workload: Convolution) -> Kernel | str:
        if workload.groups != 1:
            return "grouped convolution"
        function = direct_convolution(workload, unit)
        return Kernel(f"direct.{unit.name}", function, lambda constants: pack(workload, unit, constants))

    return rule


def direct_convolution(workload: Convolution, unit: DotUnit):  # noqa: ANN201 - tirx.PrimFunc
    """Build the PrimFunc: rows in parallel; in a row, blocks of channels, then tiles of pixels, then single pixels."""
    outputs = len(channel_order(workload, unit))
    pixels, vectors = unit.tile(outputs // unit.lanes)
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        rows, columns = Var("rows", "int64"), Var("columns", "int64")
        height, width = rows - 2 * workload.in_halo, columns - 2 * workload.in_halo
        blocks, steps = outputs // (unit.lanes * vectors), stored_channels(workload, unit) // unit.group
        weight = (blocks, workload.kernel**2, steps, vectors, unit.lanes * unit.group)
        levels = (TABLE_ENTRIES, "int32" if unit.lookup else unit.layout.storage)
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


def declare_parameters(
    workload: Convolution, unit: DotUnit, extent: tuple[Expr | int, Expr | int], outputs: int, weight: tuple, start: tuple,
    levels: tuple[int, str], weight_dtype: str | None = None, **options: int,
) -> Parameters:  # fmt: skip
    """Parameters of a kernel that writes through an epilogue; shapes of ``weight`` and ``start``, size and type of ``levels``.

    ``weight_dtype`` if the kernel multiplies others than the unit does; ``options`` go to the buffers of feature maps.
    """
    storage, (rows, columns) = unit.layout.storage, extent
    channels = stored_channels(workload, unit)
    features = unit.layout.padded(workload.features)
    parameters = Parameters(
        T.arg("source", feature_map((rows, columns, channels), storage, **options)),
        T.arg("weight", T.buffer(weight, weight_dtype or unit.weight_dtype)),
        T.arg("start", T.buffer(start, "int32")),
        T.arg("positive", T.buffer((outputs,), "float32")),
        T.arg("negative", T.buffer((outputs,), "float32")),
        T.arg("ratio", T.buffer((features,), "float32")),
        T.arg("bounds", T.buffer((5 if workload.zero_points else 3,), "int32")),
        T.arg("levels", T.buffer((levels[0],), levels[1])),
        T.arg("padding", T.buffer((features,), storage)),
    )
    height, width = (size * workload.shuffle for size in (rows - 2 * workload.in_halo, columns - 2 * workload.in_halo))
    if workload.adds_skip and not workload.in_place:
        parameters.skip = T.arg("skip", feature_map((height, width, features), "int16", **options))
    if workload.writes_stream:
        parameters.stream = T.arg("stream", feature_map((height, width, features), "int16", **options))
    if workload.in_place:
        parameters.skip = parameters.stream
    if workload.codes != "none":
        halo = 2 * workload.out_halo
        parameters.codes = T.arg("codes", feature_map((height + halo, width + halo, features), storage, **options))
    if workload.writes_picture:
        parameters.picture = T.arg("picture", feature_map((height, width, 3), "uint8", **options))
    return parameters


def feature_map(shape: tuple, dtype: str, **options: int) -> Buffer:
    """A buffer that may start at any row of a larger one, so that only whole pixels are known to be aligned."""
    size = np.dtype(dtype).itemsize * int(shape[2])
    return T.buffer(shape, dtype, align=size & -size, **options)


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
