"""The machine's dot-product peak: as many multiply-adds a second as the target's dot instruction gives, memory aside."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_srq.errors import UserError
from tvm_srq.execution.ffi import without_torch

with without_torch():
    import tvm
    from tvm.script.ir_builder import IRBuilder
    from tvm.script.ir_builder import tirx as T
    from tvm.tirx import Var

    from schedules.cpu.unit import DotUnit
    from schedules.generic.rule import GenericRule
    from tvm_srq.benchmark.tile_peak import BLOCK, PIXELS, tile_peak
    from tvm_srq.targets import Preset

STEPS = 16  # activations of so many groups of channels, in the first-level cache
SECONDS, ROUNDS = 0.01, 9
Clock = Callable[[], float]


@dataclass(frozen=True)
class PeakKernel:
    """A kernel that does nothing but dot products.

    Attributes:
        function: (source, weight, result, repeats as a shape) -> result; one task per row of ``result``, in parallel.
        pixels, vectors: of its register tile.
    """

    unit: DotUnit
    function: Any
    pixels: int
    vectors: int

    @property
    def macs(self) -> int:
        """Multiply-adds of one task in one repeat."""
        return STEPS * self.pixels * self.vectors * self.unit.lanes * self.unit.group

    def arguments(self, tasks: int, repeats: int) -> list[NDArray]:
        """Small numbers, so that instructions which take some operands faster than others have no advantage."""
        generator, unit = np.random.default_rng(0), self.unit
        source = generator.integers(0, 4, (self.pixels, STEPS * unit.group)).astype(unit.layout.storage)
        weight = generator.integers(-2, 3, (self.vectors, unit.lanes * unit.group)).astype(unit.weight_dtype)
        result = np.zeros((tasks, self.pixels, self.vectors, unit.lanes), np.int32)
        return [source, weight, np.zeros(repeats, np.uint8), result]


def peak_kernel(unit: DotUnit) -> PeakKernel:
    """Independent accumulators, in the direct kernel's register tile: each activation and weight is used several times."""
    pixels, vectors = unit.tile(unit.max_vectors)
    every = T.ramp(0, 1, unit.lanes)
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        tasks, repeats = Var("tasks", "int64"), Var("repeats", "int64")
        source = T.arg("source", T.buffer((pixels, STEPS * unit.group), unit.layout.storage))
        weight = T.arg("weight", T.buffer((vectors, unit.lanes * unit.group), unit.weight_dtype))
        T.arg("count", T.buffer((repeats,), "uint8"))
        result = T.arg("result", T.buffer((tasks, pixels, vectors, unit.lanes), "int32"))
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        with T.parallel(0, tasks) as task:
            # below 1 KB and of global scope these stay on the stack, that is, in registers
            sums = [[T.alloc_buffer((unit.lanes,), "int32", scope="global") for _ in range(vectors)] for _ in range(pixels)]
            for row in sums:
                for total in row:
                    T.buffer_store(total, T.broadcast(T.int32(0), unit.lanes), [every])
            with T.serial(0, repeats), T.serial(0, STEPS) as step:
                for pixel in range(pixels):
                    activation = source[pixel, T.ramp(step * unit.group, 1, unit.group)]
                    for vector in range(vectors):
                        packed = weight[vector, T.ramp(0, 1, unit.lanes * unit.group)]
                        total = sums[pixel][vector]
                        T.buffer_store(total, unit.dot(total[every], activation, packed), [every])
            for pixel in range(pixels):
                for vector in range(vectors):
                    T.buffer_store(result, sums[pixel][vector][every], [task, pixel, vector, every])
    return PeakKernel(unit, builder.get(), pixels, vectors)


def peak_kernel_of(preset: Preset) -> PeakKernel:
    """The kernel of a target's fastest products.

    Raises:
        UserError: the target is no CPU.
    """
    unit = dot_unit(preset)
    return PeakKernel(unit, tile_peak(), PIXELS, BLOCK.vectors) if preset.uses_tiles else peak_kernel(unit)


def dot_unit(preset: Preset) -> DotUnit:
    """The dot product of a target's kernels.

    Raises:
        UserError: the target is no CPU.
    """
    for _, rule in preset.rules:
        if isinstance(rule, GenericRule):
            return rule.unit
    raise UserError(f"the dot-product peak is measured on CPUs only, and target {preset.name} is none")


class Peak:
    """The kernel, built for a target that this machine runs.

    Args:
        threads: tasks to run at once; TVM's pool must have as many threads.
        clock: seconds; CPU time for one thread, so that neighbours on the machine disturb least, else wall time.
    """

    def __init__(self, preset: Preset, threads: int, clock: Clock):
        self.kernel, self.threads, self.clock = peak_kernel_of(preset), threads, clock
        self.call = tvm.compile(tvm.IRModule({"main": self.kernel.function}), target=preset.target)["main"]
        self.repeats = 1
        while (seconds := self.run()) < SECONDS:
            self.repeats *= max(2, min(int(SECONDS / max(seconds, 1e-6)), 1000))

    def run(self) -> float:
        """Seconds of one call."""
        arguments = [tvm.runtime.tensor(array) for array in self.kernel.arguments(self.threads, self.repeats)]
        start = self.clock()
        self.call(*arguments)
        return self.clock() - start

    def measure(self) -> float:
        """Multiply-adds a second, of one call."""
        return self.threads * self.repeats * self.kernel.macs / self.run()


def clock_for(threads: int) -> Clock:
    return time.process_time if threads == 1 else time.perf_counter


def measure_peak(preset: Preset, threads: int = 1) -> float:
    """Multiply-adds a second of a target's dot product on ``threads`` threads here: the median of some calls.

    Raises:
        UserError: the target is no CPU.
    """
    peak = Peak(preset, threads, clock_for(threads))
    return float(np.median([peak.measure() for _ in range(ROUNDS)]))
