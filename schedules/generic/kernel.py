"""A kernel for pictures of any size from scheduled strips: rows in parallel, in a row wide strips, then narrow ones."""

from dataclasses import fields

from tvm import tirx
from tvm.ir import Expr
from tvm.s_tir import Schedule
from tvm.s_tir.stmt import MatchBufferRegion, SBlock, SBlockRealize
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer, Var

from schedules.cpu.halo import fill_halo_columns
from schedules.cpu.parameters import Parameters
from schedules.cpu.unit import DotUnit
from schedules.generic.space import Tiling, build_schedule, default_tiling, given, tilings
from schedules.generic.strip import OUTPUTS, Strip, declare, describe_strip, pack_strip
from schedules.workload import Convolution, Kernel

COLUMNS = 20
"""Pixels of a wide strip, the one that is tuned: divisible by the register tiles of every unit (10, 5, 4, 2 pixels)."""
NARROW = (4, 1)
"""Strips for what is left of a row, widest first; they keep the default schedule."""
SCHEDULED = "srq.scheduled"
"""Attribute of a PrimFunc whose schedule leaves buffers as large as what they stand for, for TVM to make them smaller."""


def generic_kernel(workload: Convolution, unit: DotUnit, name: str, tiling: Tiling | None = None) -> Kernel:
    """The kernel of a workload; ``tiling`` schedules the wide strips, which have the default schedule otherwise.

    Raises:
        ValueError: the tiling does not fit the workload.
    """
    if tiling is not None and tiling not in tilings(workload, unit, COLUMNS):
        raise ValueError(f"{tiling} does not fit the workload")
    strips = {COLUMNS: scheduled_strip(workload, unit, COLUMNS, tiling or default_tiling(workload, unit, COLUMNS))}
    strips |= {n: scheduled_strip(workload, unit, n, default_tiling(workload, unit, n)) for n in NARROW}
    return Kernel(name, assemble(workload, unit, strips), lambda constants: pack_strip(workload, unit, constants))


def scheduled_strip(workload: Convolution, unit: DotUnit, columns: int, tiling: Tiling) -> Strip:
    strip = describe_strip(workload, unit, columns)
    schedule = Schedule(strip.function)
    build_schedule(schedule, tiling, given(schedule))
    return Strip(schedule.mod["main"], strip.buffers)


def assemble(workload: Convolution, unit: DotUnit, strips: dict[int, Strip]) -> tirx.PrimFunc:
    """The PrimFunc over whole pictures; strips by their columns, widest first, of which the last is one pixel."""
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        rows, columns = Var("rows", "int64"), Var("columns", "int64")
        height, width = rows - 2 * workload.in_halo, columns - 2 * workload.in_halo
        parameters = declare(workload, unit, (rows, columns))
        buffers = {field.name: getattr(parameters, field.name) for field in fields(Parameters)}
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True, SCHEDULED: True})
        with T.sblock("root"):
            T.reads()
            T.writes()
            with T.parallel(0, height) as row:
                done: Expr | int = 0
                for extent, strip in strips.items():
                    with T.serial(0, (width - done) // extent) as index:
                        place(workload, strip, buffers, row, done + index * extent)
                    done = done + (width - done) // extent * extent
                if parameters.codes is not None and workload.out_halo:
                    fill_halo_columns(workload, unit, parameters, row, width)
    return builder.get()


def place(workload: Convolution, strip: Strip, buffers: dict[str, Buffer], row: Expr, column: Expr) -> None:
    """Run a strip at (row, column): its buffers become regions of the picture's."""
    offset, factor = workload.in_halo - workload.kernel // 2, workload.shuffle
    corners = {
        "source": (row + offset, column + offset),
        "codes": (row * factor + workload.out_halo, column * factor + workload.out_halo, workload.out_offset),
        **dict.fromkeys(("skip", "stream", "picture"), (row * factor, column * factor)),
    }
    matches, reads, writes = [], [], []
    for name, part in strip.buffers.items():
        corner = (*corners.get(name, ()), *(0 for _ in part.shape))[: len(part.shape)]
        region = buffers[name][tuple(slice(low, low + size) for low, size in zip(corner, part.shape))]
        matches.append(MatchBufferRegion(part, region))
        (writes if name in OUTPUTS else reads).append(region)
    block = SBlock([], reads, writes, "strip", strip.function.body, match_buffers=matches)
    T.add_to_parent(SBlockRealize([], True, block))
