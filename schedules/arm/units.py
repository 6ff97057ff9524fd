"""64-bit ARM vector units: smmla, sdot, and widening multiplies for CPUs without them."""

from dataclasses import replace
from functools import cache
from itertools import product

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T

from schedules.arm.narrow import to_integer, write_narrow
from schedules.cpu.unit import DotUnit, Multiply, RegisterTile, multiply_each
from schedules.workload import Layout

LAYOUT = Layout("int8", 0, 4, 4, True)


def sdot(total: Expr, activation: Expr, weight: Expr) -> Expr:
    """4 lanes of four int8 x int8 products each."""
    spread = T.reinterpret("int8x16", T.broadcast(T.reinterpret("int32", activation), 4))
    return sdot_vectors(total, weight, spread)


def sdot_vectors(total: Expr, first: Expr, second: Expr) -> Expr:
    return T.call_llvm_pure_intrin("int32x4", "llvm.aarch64.neon.sdot.v4i32.v16i8", total, first, second)


def multiply_by_lane(unit: DotUnit, tile: RegisterTile, first: Expr, count: int) -> None:
    """sdot by lane: 16 channels of a pixel are loaded once, and each instruction takes four of them."""
    whole = count // 4 * 4
    if count > whole:
        multiply_each(unit, tile, first + whole, count - whole)
    every = T.ramp(0, 1, unit.lanes)
    for begin, (matrix, pixels) in product(range(0, whole, 4), enumerate(tile.sums)):
        first_step = first + begin
        loaded = [T.bind(tile.activation(matrix, pixel, first_step * unit.group, 16)) for pixel in range(len(pixels))]
        words = [T.bind(T.reinterpret("int32x4", value)) for value in loaded]
        for lane in range(4):
            for vector in range(len(pixels[0])):
                weight = T.bind(tile.weight(matrix, first_step + lane, vector))
                for word, vectors in zip(words, pixels):
                    spread = T.reinterpret("int8x16", T.Shuffle([word], [lane] * 4))
                    total = vectors[vector]
                    T.buffer_store(total, sdot_vectors(total[every], weight, spread), [every])


def widening_dot(total: Expr, activation: Expr, weight: Expr) -> Expr:
    """4 lanes of two int8 x int8 products each; a product fits int16, the pairwise sum goes to int32."""
    spread = T.reinterpret("int8x8", T.broadcast(T.reinterpret("int16", activation), 4))
    return add_pairs(total, widening_product(spread, weight))


def widening_product(activation: Expr, weight: Expr) -> Expr:
    return T.call_llvm_pure_intrin("int16x8", "llvm.aarch64.neon.smull.v8i16", activation, weight)


def add_pairs(total: Expr, products: Expr) -> Expr:
    """sadalp."""
    return total + T.call_llvm_pure_intrin("int32x4", "llvm.aarch64.neon.saddlp.v4i32.v8i16", products)


def multiply_widening(together: int) -> Multiply:
    """Multiplication that sums ``together`` products in every int16 lane before it adds them to int32."""

    def multiply(unit: DotUnit, tile: RegisterTile, first: Expr, count: int) -> None:
        if count != unit.unroll:
            multiply_each(unit, tile, first, count)
            return
        every = T.ramp(0, 1, unit.lanes)
        for matrix, pixels in enumerate(tile.sums):
            words = []
            for pixel in range(len(pixels)):
                loaded = tile.activation(matrix, pixel, first * unit.group, count * unit.group)
                words.append(T.bind(T.reinterpret(f"int16x{count}", loaded)))
            for begin in range(0, count, together):
                steps = range(begin, begin + together)
                weights = [[T.bind(tile.weight(matrix, first + s, v)) for s in steps] for v in range(len(pixels[0]))]
                for word, vectors in zip(words, pixels):
                    spread = [T.bind(T.reinterpret("int8x8", T.Shuffle([word], [step] * 4))) for step in steps]
                    for total, packed in zip(vectors, weights):
                        products = [widening_product(value, weight) for value, weight in zip(spread, packed)]
                        T.buffer_store(total, add_pairs(total[every], sum(products[1:], products[0])), [every])

    return multiply


def smmla(total: Expr, activations: Expr, weights: Expr) -> Expr:
    """2 x 2 lanes: 8 channels of two pixels times those of two output channels."""
    return T.call_llvm_pure_intrin("int32x4", "llvm.aarch64.neon.smmla.v4i32.v16i8", total, activations, weights)


def multiply_pairs(unit: DotUnit, tile: RegisterTile, first: Expr, count: int) -> None:
    """smmla on activations stored in pairs: ``tile.activation`` is given the pair's number and a byte of the pair."""
    every = T.ramp(0, 1, unit.lanes)
    for matrix, pixels in enumerate(tile.sums):
        pairs = range(len(pixels) // 2)
        for step in range(count):
            values = [T.bind(tile.activation(matrix, pair, (first + step) * 16, 16)) for pair in pairs]
            for vector in range(len(pixels[0])):
                weights = T.bind(tile.weight(matrix, first + step, vector))
                for half, part in enumerate((T.vectorlow("int8x16", weights), T.vectorhigh("int8x16", weights))):
                    part = T.bind(part)
                    for pair in pairs:
                        total = pixels[2 * pair + half][vector]
                        T.buffer_store(total, smmla(total[every], values[pair], part), [every])


def spread_pair(value: Expr, pixel: int) -> Expr:
    """4 channels -> the first or second two of them, for both pixels."""
    return T.Shuffle([value], [2, 3, 2, 3] if pixel % 2 else [0, 1, 0, 1])


def gather_pair(first: Expr, second: Expr, pixel: int) -> Expr:
    """Channels 0, 1 of two pixels and channels 2, 3 of them -> the four of one."""
    return T.Shuffle([first, second], [2, 3, 6, 7] if pixel % 2 else [0, 1, 4, 5])


SDOT = DotUnit(
    "sdot", 4, 4, "int8", LAYOUT, accumulators=24, max_vectors=4, dot=sdot, round=to_integer, unroll=4,
    multiply=multiply_by_lane, write=write_narrow,
)  # fmt: skip
# for cores that issue in order LLVM fetches operands early, and unrolls: that needs registers
SDOT_IN_ORDER = replace(SDOT, accumulators=20)
I8MM = DotUnit(
    "smmla", 4, 8, "int8", LAYOUT, accumulators=24, max_vectors=4, dot=sdot, round=to_integer, unroll=2,
    multiply=multiply_pairs, pairs=True, spread=spread_pair, gather=gather_pair, write=write_narrow,
)  # fmt: skip


@cache
def neon_unit(products: int) -> DotUnit:
    """Widening multiplies where an int16 lane holds the sum of ``products`` products."""
    together = max(n for n in (1, 2, 4) if n <= products)
    accumulators, vectors = {1: (16, 4), 2: (10, 2), 4: (8, 2)}[together]  # weights of more steps take more registers
    return DotUnit(
        "neon", 4, 2, "int8", LAYOUT, accumulators, vectors, dot=widening_dot, round=to_integer, unroll=4,
        multiply=multiply_widening(together), write=write_narrow,
    )  # fmt: skip


NEON = neon_unit(1)
