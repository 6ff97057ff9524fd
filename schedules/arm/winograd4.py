"""Winograd F(4x4, 3x3) on 16-bit widening multiplies, for cores without dot products (``schedules.cpu.winograd4``)."""

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer

from schedules.arm.units import NEON
from schedules.cpu.packing import channel_order, stored_channels
from schedules.cpu.parameters import Parameters
from schedules.cpu.winograd4 import winograd4_kernel
from schedules.cpu.winograd4_transforms import wrapping
from schedules.cpu.winograd4_unit import Shape, Winograd4Unit
from schedules.workload import Convolution, Kernel

TILES, VECTORS, GROUP = 4, 4, 8  # register tile; input channels of one load


def winograd4_rule(workload: Convolution) -> Kernel | str:
    """A registry rule."""
    if stored_channels(workload, NEON) % GROUP:
        return f"its input channels in memory are no multiple of {GROUP}"
    return winograd4_kernel(workload, NEON_WINOGRAD4)


def vectors_beside(workload: Convolution) -> int:
    """Vectors of output channels of a register tile."""
    vectors = len(channel_order(workload, NEON)) // NEON.lanes
    return max(n for n in range(1, VECTORS + 1) if vectors % n == 0)


def multiply(
    buffers: Parameters, transformed: Buffer, sums: Buffer, _: Expr, block: Expr, position: Expr, shape: Shape
) -> None:
    """smlal by lane: a load holds 8 channels of a tile, each multiplied into every vector of outputs."""
    lanes, every = NEON.lanes, T.ramp(0, 1, NEON.lanes)
    totals = NEON.accumulators_of(TILES, shape.vectors)
    for row in totals:
        for total in row:
            T.buffer_store(total, T.broadcast(T.int32(0), lanes), [every])
    with T.serial(0, shape.inputs // GROUP) as group:
        loaded = [T.bind(transformed[position, tile, T.ramp(group * GROUP, 1, GROUP)]) for tile in range(TILES)]
        for pair in range(GROUP // 2):
            for vector in range(shape.vectors):
                both = T.bind(buffers.weight[block, position, group * (GROUP // 2) + pair, vector, T.ramp(0, 1, 2 * lanes)])
                for half, weight in enumerate((T.vectorlow("int16x4", both), T.vectorhigh("int16x4", both))):
                    for tile, value in enumerate(loaded):
                        spread = T.Shuffle([value], [2 * pair + half] * lanes)
                        product = T.call_llvm_pure_intrin("int32x4", "llvm.aarch64.neon.smull.v4i32", weight, spread)
                        total = totals[tile][vector]
                        T.buffer_store(total, wrapping("add", total[every], product, lanes), [every])
    for tile in range(TILES):
        for vector in range(shape.vectors):
            T.buffer_store(sums, totals[tile][vector][every], [tile, vector, position, every])


NEON_WINOGRAD4 = Winograd4Unit(
    NEON, TILES, task_chunks=8, input_lanes=GROUP, multiply=multiply, interleaved=False, vectors=vectors_beside,
    write=NEON.write,
)  # fmt: skip
