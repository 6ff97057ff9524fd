"""The loops around a step: rows in parallel and vectors of channels on CPUs, a thread for a few channels on CUDA."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tvm.ir import Expr
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer, PrimFunc, Ramp, Var

from schedules.steps.lanes import Lanes, pieces
from schedules.steps.levels import has_avx512
from schedules.steps.maps import Maps
from tvm_srq.steps import Step

CUDA_COLUMNS, CUDA_ROWS = 64, 4  # threads of a block: along a row's pixels and channels, and rows
CUDA_CHANNELS = 8  # of a thread where channels are computed alike
Paddings = int | dict[int, int] | None


@dataclass(frozen=True)
class Place:
    """An output pixel and everything a step needs there.

    Attributes:
        row, column: of the output, without its halo.
        channel: the thread's first channel on CUDA; None on CPUs, where a pixel has all channels.
        extents: rows and columns of every source, without halo.
        prepared: what the step has computed for the whole row.
        more: buffers of further outputs.
    """

    maps: Maps
    sources: list[Buffer]
    constants: list[Buffer]
    output: Buffer
    extents: list[tuple[Expr, Expr]]
    row: Expr
    column: Expr
    channel: Expr | None
    prepared: Any = None
    more: tuple[Buffer, ...] = ()

    def load(self, number: int, row: Expr, column: Expr, channel: Expr | int) -> Expr:
        """Channels (a scalar or a vector of them) of a source's pixel."""
        source = self.maps.sources[number]
        at = [row + source.halo, column + source.halo, shifted(channel, source.offset)]
        return self.sources[number][at[0], at[1], at[2]]

    def store(self, value: Expr, channel: Expr | int, number: int = 0) -> None:
        """Channels of the pixel of an output."""
        output, buffer = self.maps.outputs[number], (self.output, *self.more)[number]
        at = [self.row + output.halo, self.column + output.halo, shifted(channel, output.offset)]
        T.buffer_store(buffer, value, at)


def shifted(channel: Expr | int, offset: int) -> Expr | int:
    """Channels, a scalar or a ramp, of a slice as channels of the whole map."""
    if offset and isinstance(channel, Ramp):
        return T.ramp(channel.base + offset, channel.stride, channel.lanes)
    return channel + offset if offset else channel


def build(
    step: Step, maps: Maps, constants: list[NDArray], body: Callable[[Place], None], group: int = 1, padding: Paddings = None,
    block: int = 1, prepare: Callable[[Place], Any] = lambda row: None, rest: Callable[[Place], None] | None = None,
) -> PrimFunc:  # fmt: skip
    """The PrimFunc of a step that computes the output pixel by pixel.

    Args:
        body: writes one pixel of a place, all its channels or, on CUDA, ``group`` of them.
        group: channels of a CUDA thread.
        block: on CPUs, the body writes the ``block**2`` output pixels from (row, column) * block on.
        rest: writes what a last block has on the output of its first columns. Without it rows and columns are whole blocks;
            with it the body writes no rows beyond the output.
        prepare: (a row's first place) -> what all its places have as ``prepared``.
        padding: number of the constant that holds the (padded,) stored codes of a real zero, where the output has a halo; of
            several outputs, by their numbers.
    """
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        sources, extents = declare_sources(step, maps)
        parameters = [T.arg(f"constant{i}", T.buffer(a.shape, str(a.dtype))) for i, a in enumerate(constants)]
        rows, columns = output_extent(step, extents)
        output, *more = [
            T.arg(f"output{number or ''}", feature_map((rows + 2 * m.halo, columns + 2 * m.halo, m.stored), m.dtype))
            for number, m in enumerate(maps.outputs)
        ]
        paddings = padding if isinstance(padding, dict) else {} if padding is None else {0: padding}
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})

        def at(row: Expr, column: Expr, channel: Expr | None, prepared: Any = None) -> Place:
            return Place(maps, sources, parameters, output, extents, row, column, channel, prepared, tuple(more))

        if maps.device == "cuda":
            with cuda_thread(rows, columns, maps.padded // group) as (row, column, number):
                body(at(row, column, number * group, prepare(at(row, column, number * group))))
        else:
            down = rows if block == 1 else rows // block if rest is None else (rows + block - 1) // block
            with T.parallel(0, down) as row:
                prepared = prepare(at(row, T.int64(0), None))
                with T.serial(0, columns if block == 1 else columns // block) as column:
                    body(at(row, column, None, prepared))
                if rest is not None:
                    rest(at(row, columns // block, None, prepared))
                for number, constant in paddings.items():
                    if maps.outputs[number].halo:
                        written = replace(maps, output=maps.outputs[number])
                        fill_halo_columns(written, parameters[constant], (output, *more)[number], row, columns)
    return builder.get()


def declare_sources(step: Step, maps: Maps) -> tuple[list[Buffer], list[tuple[Expr, Expr]]]:
    """The sources' buffers, and their extents without halos. Sources of a step that works row by row have one extent."""
    buffers, extents = [], []
    shared: tuple[Expr, Expr] | None = None
    for number, source in enumerate(maps.sources):
        halo, border = source.halo, 2 * source.halo
        if number in step.single_pixels:
            extent: tuple[Expr, Expr] = (T.int64(1), T.int64(1))
            shape = (1 + border, 1 + border)
        elif shared is None or step.rows.whole:
            shape = tuple(Var(f"{axis}{number}", "int64") for axis in ("rows", "columns"))
            extent = shape if halo == 0 else (shape[0] - border, shape[1] - border)
            shared = extent
        else:
            extent = shared
            shape = extent if halo == 0 else (extent[0] + border, extent[1] + border)
        buffers.append(T.arg(f"source{number}", feature_map((*shape, source.stored), source.dtype)))
        extents.append(extent)
    return buffers, extents


def output_extent(step: Step, extents: list[tuple[Expr, Expr]]) -> tuple[Expr, Expr]:
    """Rows and columns of the output without its halo: those of the sources, or variables of their own."""
    if step.rows.whole:
        return Var("output_rows", "int64"), Var("output_columns", "int64")
    rows, columns = next(extent for number, extent in enumerate(extents) if number not in step.single_pixels)
    factor = step.rows.factor
    return (rows, columns) if factor == 1 else (rows * factor, columns * factor)


def feature_map(shape: tuple, dtype: str):  # noqa: ANN201 - tirx.Buffer
    """A buffer that may start at any row of a larger one, so that only whole pixels are known to be aligned."""
    size = np.dtype(dtype).itemsize * int(shape[2])
    return T.buffer(shape, dtype, align=min(size & -size, 64))


@contextmanager
def cuda_thread(rows: Expr, columns: Expr, groups: int) -> Iterator[tuple[Expr, Expr, Expr]]:
    """A thread for every pixel and group of channels, (row, column, group); neighbours have neighbouring groups."""
    with (
        T.launch_thread("blockIdx.y", (rows + CUDA_ROWS - 1) // CUDA_ROWS) as tile_row,
        T.launch_thread("blockIdx.x", (columns * groups + CUDA_COLUMNS - 1) // CUDA_COLUMNS) as tile_column,
        T.launch_thread("threadIdx.y", CUDA_ROWS) as thread_row,
        T.launch_thread("threadIdx.x", CUDA_COLUMNS) as thread_column,
    ):
        row = T.bind(tile_row * CUDA_ROWS + thread_row)
        position = T.bind(tile_column * CUDA_COLUMNS + thread_column)
        with T.If(T.And(row < rows, position < columns * groups)), T.Then():
            yield row, T.bind(position // groups), T.bind(T.cast(position % groups, "int32"))


def fill_halo_columns(maps: Maps, padding: Buffer, output: Buffer, row: Expr, columns: Expr) -> None:
    """The border columns beside an output row: every kernel writes its own slice of them, the rows above and below are
    the runtime's."""
    halo, offset = maps.output.halo, maps.output.offset
    lanes = vector_lanes(maps)
    for begin in (0, columns + halo):
        with T.serial(0, halo) as x, T.serial(0, maps.padded // lanes.count) as vector:
            first = vector * lanes.count
            at = [row + halo, begin + x, lanes.channels(first + offset)]
            T.buffer_store(output, padding[lanes.channels(first)], at)


def vector_lanes(maps: Maps) -> Lanes:
    """Lanes for all written channels of a pixel: 16, or as many as divide them; one by one on CUDA."""
    if maps.device == "cuda":
        return Lanes(1, maps.device)
    count = next(count for count in (16, 8, 4, 2, 1) if maps.padded % count == 0)
    return Lanes(count, maps.device, has_avx512(maps.layout, maps.device))


def zero_channels(place: Place, begin: int) -> None:
    """Zeros in a stream's channels from ``begin`` to the padded ones (CPUs)."""
    for first, width in pieces(place.maps.padded - begin):
        lanes = Lanes(width, "cpu")
        zero = lanes.cast(lanes.integer(0), place.maps.output.dtype)
        place.store(zero, lanes.channels(begin + first))
