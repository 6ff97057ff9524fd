"""64-bit ARM vector units: sdot, and smull with pairwise accumulation for CPUs without it."""

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T

from schedules.arm.narrow import to_integer, write_narrow
from schedules.cpu.unit import DotUnit, RegisterTile, multiply_each
from schedules.workload import Layout

LAYOUT = Layout("int8", 0, 4, 4, True)


def sdot(total: Expr, activation: Expr, weight: Expr) -> Expr:
    """4 lanes of four int8 x int8 products each."""
    spread = T.reinterpret("int8x16", T.broadcast(T.reinterpret("int32", activation), 4))
    return T.call_llvm_pure_intrin("int32x4", "llvm.aarch64.neon.sdot.v4i32.v16i8", total, weight, spread)


def multiply_by_lane(unit: DotUnit, tile: RegisterTile, first: Expr, count: int) -> None:
    """sdot by lane: 16 channels of a pixel are loaded once, and each instruction takes four of them."""
    if count * unit.group != 16:
        multiply_each(unit, tile, first, count)
        return
    every = T.ramp(0, 1, unit.lanes)
    for matrix, pixels in enumerate(tile.sums):
        loaded = [T.bind(tile.activation(matrix, pixel, first * unit.group, 16)) for pixel in range(len(pixels))]
        words = [T.bind(T.reinterpret("int32x4", value)) for value in loaded]
        for lane in range(4):
            for vector in range(len(pixels[0])):
                weight = T.bind(tile.weight(matrix, first + lane, vector))
                for word, vectors in zip(words, pixels):
                    spread = T.reinterpret("int8x16", T.Shuffle([word], [lane] * 4))
                    total = vectors[vector]
                    product = T.call_llvm_pure_intrin(
                        "int32x4", "llvm.aarch64.neon.sdot.v4i32.v16i8", total[every], weight, spread
                    )
                    T.buffer_store(total, product, [every])


def widening_dot(total: Expr, activation: Expr, weight: Expr) -> Expr:
    """4 lanes of two int8 x int8 products each; a product fits int16, the pairwise sum goes to int32."""
    spread = T.reinterpret("int8x8", T.broadcast(T.reinterpret("int16", activation), 4))
    products = T.call_llvm_pure_intrin("int16x8", "llvm.aarch64.neon.smull.v8i16", spread, weight)
    return total + T.call_llvm_pure_intrin("int32x4", "llvm.aarch64.neon.saddlp.v4i32.v8i16", products)


SDOT = DotUnit(
    "sdot", 4, 4, "int8", LAYOUT, accumulators=24, max_vectors=4, dot=sdot, round=to_integer, unroll=4,
    multiply=multiply_by_lane, write=write_narrow,
)  # fmt: skip
NEON = DotUnit(
    "neon", 4, 2, "int8", LAYOUT, accumulators=16, max_vectors=4, dot=widening_dot, round=to_integer, write=write_narrow
)
