"""Winograd F(4x4, 3x3) on vpdpwssd, for layers whose codes or weights are too large for F(2x2, 3x3) in bytes.

A direct convolution takes 9 products a pixel, 64 an instruction; this one 2.25, 32 an instruction: half as many instructions.
"""

from dataclasses import replace

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer

from schedules.cpu.packing import direct_constants, in_order, stored_channels
from schedules.cpu.parameters import Parameters
from schedules.cpu.unit import RegisterTile, multiply_steps
from schedules.cpu.winograd4 import winograd4_kernel
from schedules.cpu.winograd4_unit import Shape, Winograd4Unit
from schedules.workload import Convolution, Kernel
from schedules.x86.packed import packed_constants
from schedules.x86.pairs import pairs_order, unpackable, vectors_of_block, write_pairs
from schedules.x86.shuffled_picture import LANES, MOST, write_shuffled_picture
from schedules.x86.units import VNNI

TILES = 12  # of a chunk
ACCUMULATORS = 24
LEAST_CHANNELS = 32  # of the input: below, the transforms cost what the products save (measured on Zen 4)


def words_dot(total: Expr, activation: Expr, weight: Expr) -> Expr:
    """16 lanes of two int16 x int16 products each, modulo 2^32."""
    spread = T.reinterpret("int16x32", T.broadcast(T.reinterpret("int32", activation), 16))
    return T.call_llvm_pure_intrin("int32x16", "llvm.x86.avx512.vpdpwssd.512", total, spread, weight)


# one step an iteration: LLVM rewrites chained vpdpwssd as vpmaddwd and vpaddd, which is twice the work here
WORDS = replace(VNNI, group=2, weight_dtype="int16", accumulators=ACCUMULATORS, dot=words_dot, unroll=1)


def winograd4_rule(workload: Convolution) -> Kernel | str:
    """A registry rule."""
    if stored_channels(workload, WORDS) < LEAST_CHANNELS:
        return f"it has fewer than {LEAST_CHANNELS} input channels"
    if workload.writes_picture:
        if not LANES < workload.out_channels <= MOST:
            return f"a pixel becomes {workload.out_channels} values of the picture, not {LANES + 1} to {MOST}"
        return winograd4_kernel(workload, PICTURE_WINOGRAD4)
    return unpackable(workload) or winograd4_kernel(workload, VNNI_WINOGRAD4)


def tiles_beside(vectors: int) -> int:
    """Tiles of a register tile of so many vectors of output channels: the accumulators are there, and they divide a chunk's."""
    return max(count for count in range(1, ACCUMULATORS // vectors + 1) if TILES % count == 0)


def multiply(
    buffers: Parameters, transformed: Buffer, sums: Buffer, here: Expr, block: Expr, position: Expr, shape: Shape
) -> None:
    """Register tile after register tile of the chunk, so that the position's weights are read from the first-level cache."""
    lanes, every, tiles = shape.lanes, T.ramp(0, 1, shape.lanes), tiles_beside(shape.vectors)
    with T.serial(0, T.ceildiv(here, tiles)) as part:
        totals = WORDS.accumulators_of(tiles, shape.vectors)
        for row in totals:
            for total in row:
                T.buffer_store(total, T.broadcast(T.int32(0), lanes), [every])

        def activation(_: int, tile: int, first: Expr, channels: int) -> Expr:
            return transformed[position, part * tiles + tile, T.ramp(first, 1, channels)]

        def weight(_: int, step: Expr, vector: int) -> Expr:
            return buffers.weight[block, position, step, vector, T.ramp(0, 1, lanes * 2)]

        multiply_steps(WORDS, WORDS.multiply, RegisterTile([totals], activation, weight), shape.inputs // 2, WORDS.unroll)
        for tile, row in enumerate(totals):
            for vector, total in enumerate(row):
                T.buffer_store(sums, total[every], [part * tiles + tile, vector, position, every])


VNNI_WINOGRAD4 = Winograd4Unit(
    WORDS, TILES, task_chunks=2, input_lanes=32, multiply=multiply, interleaved=True, vectors=vectors_of_block,
    write=write_pairs, order=pairs_order, epilogue_constants=packed_constants, levels_dtype="uint8",
    prefetch=True,
)  # fmt: skip
PICTURE_WINOGRAD4 = replace(
    VNNI_WINOGRAD4, vectors=lambda workload: -(-workload.out_channels // LANES), write=write_shuffled_picture, order=in_order,
    epilogue_constants=direct_constants, levels_dtype="int32",
)  # fmt: skip
