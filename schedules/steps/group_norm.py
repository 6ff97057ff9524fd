"""Normalization over all pixels of groups of channels: two passes of sums in int64, then one that writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from tvm.ir import Expr
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer, PrimFunc

from schedules.steps.frame import declare_sources, feature_map, shifted, vector_lanes
from schedules.steps.lanes import Lanes
from schedules.steps.layer_norm import normalized, quotient
from schedules.steps.maps import Maps
from schedules.steps.reduce import rounded_quotient, running_sum
from tvm_srq.steps import GroupNorm

PARTS = 64  # into which CPUs divide the rows, to add them up in parallel
THREADS = 1024  # of a CUDA block

ONE = Lanes(1, "cpu")


@dataclass(frozen=True)
class Groups:
    """What is normalized.

    Attributes:
        number, width: of the groups, and of a group's channels.
        extent: rows and columns.
        source, output: the maps.
        numbers: epsilon and gain, (2,) float64.
    """

    maps: Maps
    number: int
    width: int
    extent: tuple[Expr, Expr]
    source: Buffer
    output: Buffer
    numbers: Buffer

    @property
    def count(self) -> Expr:
        """Values in a group."""
        return self.extent[0] * self.extent[1] * T.int64(self.width)

    def load(self, row: Expr, column: Expr, channel: Expr, lanes: Lanes = ONE) -> Expr:
        """int64 lanes of a pixel."""
        return lanes.cast(self.source[row, column, shifted(lanes.channels(channel), self.maps.sources[0].offset)], "int64")

    def store(self, value: Expr, row: Expr, column: Expr, channel: Expr, lanes: Lanes = ONE) -> None:
        at = shifted(lanes.channels(channel), self.maps.output.offset)
        T.buffer_store(self.output, lanes.cast(value, self.maps.output.dtype), [row, column, at])

    def mean(self, total: Expr) -> Expr:
        """The rounded mean of a group's sum."""
        return rounded_quotient(ONE, total, self.count, 0)

    def factor(self, total: Expr, mean: Expr, squares: Expr) -> Expr:
        """float64, of a group's sum, its mean and its squares around that."""
        rest, count = T.bind(total - self.count * mean), T.bind(T.cast(self.count, "float64"))
        variance = (T.cast(squares, "float64") - T.cast(rest * rest, "float64") / count) / count
        return quotient(self.numbers[1], count * T.sqrt(variance + self.numbers[0]))


def build_group_norm(step: GroupNorm, maps: Maps) -> tuple[PrimFunc, list]:
    """Constants: epsilon and gain, (2,) float64."""
    constants = [np.array([step.epsilon, step.gain], np.float64)]
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        (source,), (extent,) = declare_sources(step, maps)
        numbers = T.arg("constant0", T.buffer((2,), "float64"))
        output = T.arg("output", feature_map((*extent, maps.output.stored), maps.output.dtype))
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        groups = Groups(maps, step.groups, maps.output.channels // step.groups, extent, source, output, numbers)
        (on_cuda if maps.device == "cuda" else on_cpu)(groups)
    return builder.get(), constants


def on_cpu(groups: Groups) -> None:
    """Sums of channels, so that there are vectors of them whatever the groups' width; those behind the real ones become 0."""
    lanes, padded, (rows, columns) = vector_lanes(groups.maps), groups.maps.padded, groups.extent
    parts = T.alloc_buffer((PARTS, padded), "int64", scope="global")
    totals, means = (T.alloc_buffer((padded,), "int64", scope="global") for _ in range(2))
    factors = T.alloc_buffer((padded,), "float64", scope="global")
    with T.serial(0, padded) as channel:
        for buffer, zero in ((totals, T.int64(0)), (means, T.int64(0)), (factors, T.float64(0))):
            T.buffer_store(buffer, zero, [channel])

    add_up(groups, parts, lambda value, every: value)
    with T.serial(0, groups.number) as group:
        total = sum_of_parts(groups, parts, group)
        spread(groups, group, (totals, total), (means, groups.mean(total)))
    add_up(groups, parts, lambda value, every: (value - means[every]) * (value - means[every]))
    with T.serial(0, groups.number) as group:
        first, squares = T.bind(group * groups.width), sum_of_parts(groups, parts, group)
        spread(groups, group, (factors, groups.factor(totals[first], means[first], squares)))
    with T.parallel(0, rows) as row, T.serial(0, columns) as column, T.serial(0, padded // lanes.count) as vector:
        channel = T.bind(vector * lanes.count)
        every = lanes.channels(channel)
        centered = groups.load(row, column, channel, lanes) * lanes.spread(groups.count) - totals[every]
        groups.store(normalized(lanes, centered, factors[every]), row, column, channel, lanes)


def add_up(groups: Groups, parts: Buffer, term: Callable[[Expr, Expr], Expr]) -> None:
    """(PARTS, padded) int64: sums of ``term`` (values, their channels), each of every 64th row."""
    lanes, (rows, columns) = vector_lanes(groups.maps), groups.extent
    vectors = groups.maps.padded // lanes.count
    with T.parallel(0, PARTS) as part:
        with T.serial(0, vectors) as vector:
            T.buffer_store(parts, lanes.spread(T.int64(0)), [part, lanes.channels(vector * lanes.count)])
        with (
            T.serial(0, (rows - part + PARTS - 1) // PARTS) as turn,
            T.serial(0, columns) as column,
            T.serial(0, vectors) as vector,
        ):
            channel = T.bind(vector * lanes.count)
            every = lanes.channels(channel)
            value = T.bind(groups.load(turn * PARTS + part, column, channel, lanes))
            T.buffer_store(parts, parts[part, every] + term(value, every), [part, every])


def sum_of_parts(groups: Groups, parts: Buffer, group: Expr) -> Expr:
    """A group's sum."""
    total = running_sum("cpu")
    with T.serial(0, PARTS) as part, T.serial(0, groups.width) as channel:
        T.buffer_store(total, total[0] + parts[part, group * groups.width + channel], [0])
    return T.bind(total[0])


def spread(groups: Groups, group: Expr, *values: tuple[Buffer, Expr]) -> None:
    """Values for all channels of a group."""
    with T.serial(0, groups.width) as channel:
        for buffer, value in values:
            T.buffer_store(buffer, value, [group * groups.width + channel])


def on_cuda(groups: Groups) -> None:
    """A block for a group; its threads lie along a row's columns and the group's channels."""
    lanes = Lanes(1, "cuda")
    with (
        T.launch_thread("blockIdx.x", groups.number) as group,
        T.launch_thread("threadIdx.x", THREADS) as thread,
    ):
        sums = T.alloc_buffer((THREADS,), "int64", scope="shared")
        total = block_sum(groups, group, thread, sums, lambda value: value)
        kept = running_sum("cuda")  # in memory: what is bound alone is written out, division and all, where it is used
        T.buffer_store(kept, groups.mean(total), [0])
        mean = kept[0]
        squares = block_sum(groups, group, thread, sums, lambda value: (value - mean) * (value - mean))
        factor = groups.factor(total, mean, squares)

        def write(row: Expr, column: Expr, channel: Expr) -> None:
            centered = groups.load(row, column, channel) * groups.count - total
            groups.store(normalized(lanes, centered, factor), row, column, channel)

        every_place(groups, group, thread, write)


def every_place(groups: Groups, group: Expr, thread: Expr, body: Callable[[Expr, Expr, Expr], None]) -> None:
    """A thread's places of a group: row, column, channel."""
    (rows, columns), width = groups.extent, groups.width
    with T.serial(0, rows) as row, T.serial(0, (columns * width - thread + THREADS - 1) // THREADS) as turn:
        place = T.bind(turn * THREADS + thread)
        body(row, T.truncdiv(place, T.int64(width)), T.cast(group * width + T.truncmod(place, T.int64(width)), "int32"))


def block_sum(groups: Groups, group: Expr, thread: Expr, sums: Buffer, term: Callable[[Expr], Expr]) -> Expr:
    """The sum of ``term`` (value) over a group: by thread, then halving their number."""
    mine = running_sum("cuda")

    def add(row: Expr, column: Expr, channel: Expr) -> None:
        value = T.bind(groups.load(row, column, channel))
        T.buffer_store(mine, mine[0] + term(value), [0])

    every_place(groups, group, thread, add)
    T.evaluate(T.tvm_storage_sync("shared"))  # an earlier sum has been read
    T.buffer_store(sums, mine[0], [thread])
    half = THREADS // 2
    while half:
        T.evaluate(T.tvm_storage_sync("shared"))
        with T.If(thread < half), T.Then():
            T.buffer_store(sums, sums[thread] + sums[thread + half], [thread])
        half //= 2
    T.evaluate(T.tvm_storage_sync("shared"))
    return T.bind(sums[0])
