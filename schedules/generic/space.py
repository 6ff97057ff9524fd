"""Schedules of a strip: loop orders and register tiles, given, or left to MetaSchedule to sample."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

from tvm.s_tir import Schedule
from tvm.s_tir.schedule import LoopRV

from schedules.cpu.packing import channel_order
from schedules.cpu.unit import DotUnit
from schedules.cpu.window import input_window
from schedules.generic.strip import RESULTS, SUMS
from schedules.workload import Convolution

MAX_PIXELS, MAX_VECTORS, MAX_STEPS = 10, 4, 4
"""Largest factors unrolled: the register tile (pixels x vectors) and dot products along the channels."""
REDUCTIONS = ("taps", "channels", "window")

Split = Callable[[LoopRV, int, int], list[LoopRV]]
"""(loop, inner extent of the tiling, largest inner extent) -> [outer, inner]."""


@dataclass(frozen=True)
class Tiling:
    """A strip's schedule as data.

    Attributes:
        vectors_outside: blocks of output channels outside of blocks of pixels: their weights stay in the first cache.
        reduction: "taps" sums all channels of a tap before the next tap; "channels" all taps of a few channels; "window"
            unrolls a row of taps, so that neighbouring pixels share loads.
        pixels, vectors: register tile. It divides the strip's columns and the vectors of output channels.
        steps: dot products unrolled along the channels; divides their number.
    """

    vectors_outside: bool = True
    reduction: str = "taps"
    pixels: int = 1
    vectors: int = 1
    steps: int = 1


def default_tiling(workload: Convolution, unit: DotUnit, columns: int) -> Tiling:
    """The tiling without tuning: the direct kernel's register tile, in whole strips."""
    pixels, vectors = unit.tile(output_vectors(workload, unit))
    return Tiling(pixels=max(n for n in range(1, min(pixels, MAX_PIXELS) + 1) if columns % n == 0), vectors=vectors)


def loop_orders(workload: Convolution) -> list[Tiling]:
    """Every structure worth trying for a workload, with the smallest tiles."""
    reductions = REDUCTIONS[:1] if workload.kernel == 1 else REDUCTIONS if workload.kernel <= 5 else REDUCTIONS[:2]
    return [Tiling(outside, reduction) for outside in (True, False) for reduction in reductions]


def tilings(workload: Convolution, unit: DotUnit, columns: int) -> list[Tiling]:
    """Every tiling of a strip: what MetaSchedule's samples range over."""
    extents = (columns, output_vectors(workload, unit), input_window(workload, unit).steps)
    limits = (MAX_PIXELS, MAX_VECTORS, MAX_STEPS)
    factors = [[n for n in range(1, limit + 1) if extent % n == 0] for extent, limit in zip(extents, limits)]
    return [
        replace(order, pixels=pixels, vectors=vectors, steps=steps)
        for order, pixels, vectors, steps in product(loop_orders(workload), *factors)
    ]


def output_vectors(workload: Convolution, unit: DotUnit) -> int:
    return len(channel_order(workload, unit)) // unit.lanes


def build_schedule(schedule: Schedule, tiling: Tiling, split: Split) -> None:
    """Tile a strip for registers: the accumulators of a tile live from their start values to the epilogue."""
    sums, results = schedule.get_sblock(SUMS), schedule.get_sblock(RESULTS)
    pixel, vector, y, x, step = schedule.get_loops(sums)
    pixel_block, pixel = split(pixel, tiling.pixels, MAX_PIXELS)
    vector_block, vector = split(vector, tiling.vectors, MAX_VECTORS)
    step_block, step = split(step, tiling.steps, MAX_STEPS)
    blocks = [vector_block, pixel_block] if tiling.vectors_outside else [pixel_block, vector_block]
    reduction = {"taps": [y, x, step_block, step], "channels": [step_block, y, x, step], "window": [y, step_block, x, step]}
    schedule.reorder(*blocks, *reduction[tiling.reduction], pixel, vector)
    for loop in (step, pixel, vector, *([x] if tiling.reduction == "window" else [])):
        schedule.unroll(loop)
    schedule.reverse_compute_at(results, blocks[1], preserve_unit_loops=True)
    for loop in schedule.get_loops(results)[-2:]:
        schedule.unroll(loop)
    start = schedule.decompose_reduction(sums, reduction[tiling.reduction][0])
    for loop in schedule.get_loops(start)[-2:]:
        schedule.unroll(loop)


def given(schedule: Schedule) -> Split:
    """Loops split as the tiling says."""
    return lambda loop, inner, _: schedule.split(loop, [None, inner])


def sampled(schedule: Schedule, decided: bool) -> Split:
    """Loops split by samples, which MetaSchedule draws anew; their first values are the tiling's if ``decided``."""

    def split(loop: LoopRV, inner: int, largest: int) -> list[LoopRV]:
        decision = [int(schedule.get(loop).extent) // inner, inner] if decided else None
        return schedule.split(loop, schedule.sample_perfect_tile(loop, n=2, max_innermost_factor=largest, decision=decision))

    return split
