"""A strip of pixels of one row, as schedulable TIR of fixed shape: what MetaSchedule tunes and kernels of any size repeat."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import tvm_ffi
from numpy.typing import NDArray
from tvm import tirx
from tvm.ir import Expr
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer

from schedules.cpu.epilogue import write_results
from schedules.cpu.packing import channel_order, dense_weights, direct_constants, pack_rest
from schedules.cpu.parameters import Parameters, declare_parameters
from schedules.cpu.unit import TABLE_ENTRIES, DotUnit
from schedules.cpu.window import input_window
from schedules.workload import Constants, Convolution

READ = ("positive", "negative", "ratio", "bounds", "levels", "padding", "skip")
OUTPUTS = ("stream", "codes", "picture")
SUMS, RESULTS = "sums", "results"


@dataclass(frozen=True)
class Strip:
    """A PrimFunc of two blocks, ``sums`` (accumulators) and ``results`` (epilogue), and its parameters by name.

    The source is (k, columns + k - 1, channels), the outputs (r, columns * r, channels) for a pixel shuffle by r.
    """

    function: tirx.PrimFunc
    buffers: dict[str, Buffer]


def strip_workload(workload: Convolution) -> Convolution:
    """What is left of a workload in a strip.

    Halo widths, slices of wide maps and whether the sum is in place only matter where a strip is placed in the picture;
    magnitudes only serve proofs that it does not need.
    """
    halo = workload.kernel // 2
    return replace(
        workload, in_halo=halo, out_halo=0, in_place=False, in_magnitude=255, weight_magnitude=127, packable=False,
        in_total=0, out_total=0, out_offset=0,
    )  # fmt: skip


def describe_strip(workload: Convolution, unit: DotUnit, columns: int) -> Strip:
    """The unscheduled strip of ``columns`` pixels."""
    # pixels of a wide map may be less aligned than a strip's own; accesses have the alignment of what a strip is placed in
    options = {"align": 1} if workload.in_total or workload.out_total else {}
    workload = strip_workload(workload)
    outputs, kernel, lanes = len(channel_order(workload, unit)), workload.kernel, unit.lanes
    window = input_window(workload, unit)
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        parameters = declare(workload, unit, (kernel, columns + kernel - 1), offset_factor=1, **options)
        buffers = {field.name: getattr(parameters, field.name) for field in fields(Parameters)}
        buffers = {name: buffer for name, buffer in buffers.items() if buffer is not None}
        T.func_attr({"tirx.noalias": True})
        with T.sblock("root"):
            T.reads()
            T.writes()
            sums = T.sblock_alloc_buffer((columns, outputs), "int32")
            extents = (columns, outputs // lanes, kernel, kernel, window.steps)
            with T.grid(*extents) as loops, T.sblock(SUMS):
                pixel, vector, y, x, step = T.axis.remap("SSRRR", list(loops))
                first = window.first(vector) + step * unit.group
                source = [y, pixel + x, slice(first, first + unit.group)]
                tap = (vector, y * kernel + x, step, 0)
                T.reads(buffers["source"][tuple(source)], buffers["weight"][(*tap, slice(0, lanes * unit.group))],
                        buffers["start"][vector * lanes : (vector + 1) * lanes])  # fmt: skip
                T.writes(sums[pixel, vector * lanes : (vector + 1) * lanes])
                at = [pixel, T.ramp(vector * lanes, 1, lanes)]
                with T.init():
                    T.buffer_store(sums, buffers["start"][at[1]], at)
                activation = buffers["source"][y, pixel + x, T.ramp(first, 1, unit.group)]
                weight = buffers["weight"][(*tap, T.ramp(0, 1, lanes * unit.group))]
                T.buffer_store(sums, unit.dot(sums[tuple(at)], activation, weight), at)
            with T.grid(*extents[:2]) as loops, T.sblock(RESULTS):
                pixel, vector = T.axis.remap("SS", list(loops))
                used = [whole(buffers[name]) for name in READ if name in buffers]
                T.reads(sums[pixel, vector * lanes : (vector + 1) * lanes], *used)
                T.writes(*(whole(buffers[name]) for name in OUTPUTS if name in buffers))
                accumulators = sums[pixel, T.ramp(vector * lanes, 1, lanes)]
                write_results(workload, unit, parameters, accumulators, 0, pixel, vector)
    return Strip(builder.get(), buffers)


def declare(workload: Convolution, unit: DotUnit, extent: tuple[Expr | int, Expr | int], **options: int) -> Parameters:
    """Parameters of the generic kernel, for a source of ``extent`` rows and columns; ``options`` as declare_parameters."""
    outputs = len(channel_order(workload, unit))
    steps = input_window(workload, unit).steps
    weight = (outputs // unit.lanes, workload.kernel**2, steps, 1, unit.lanes * unit.group)
    levels = (TABLE_ENTRIES, "int32" if unit.lookup else unit.layout.storage)
    return declare_parameters(workload, unit, extent, outputs, weight, (outputs,), levels, **options)


def whole(buffer: Buffer) -> Expr:
    """The region of all of a buffer."""
    return buffer[tuple(slice(0, extent) for extent in buffer.shape)]


def pack_strip(workload: Convolution, unit: DotUnit, constants: Constants) -> list[NDArray]:
    """weight (O / lanes, k * k, steps, 1, lanes * group), then as every CPU kernel."""
    dense, window = dense_weights(workload, unit, constants), input_window(workload, unit)
    kernel, vectors = workload.kernel, len(dense) // unit.lanes
    span = window.steps * unit.group
    weight = np.zeros((vectors, kernel * kernel, window.steps, 1, unit.lanes * unit.group), unit.weight_dtype)
    for vector in range(vectors):
        first = window.first(vector)
        part = dense[vector * unit.lanes : (vector + 1) * unit.lanes, first : first + span]
        assert np.count_nonzero(part) == np.count_nonzero(dense[vector * unit.lanes : (vector + 1) * unit.lanes])
        tiled = part.reshape(unit.lanes, window.steps, unit.group, kernel * kernel).transpose(3, 1, 0, 2)
        weight[vector, :, :, 0] = tiled.reshape(kernel * kernel, window.steps, -1)
    rest = pack_rest(workload, unit, constants, dense, channel_order(workload, unit))
    return [weight, *rest, *direct_constants(workload, unit, constants)]


def fingerprint(workload: Convolution, unit: DotUnit, columns: int) -> str:
    """Identifies the unscheduled code, the same in every process: another one makes measured times worthless."""
    value: Any = tvm_ffi.structural_hash(describe_strip(strip_workload(workload), unit, columns).function)
    return f"{value & (2**64 - 1):016x}"
