"""x86 vector units: vpdpbusd (AVX-512 VNNI), vpmaddwd (AVX2) and pmaddwd (SSE2)."""

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer

from schedules.cpu.epilogue import write_each
from schedules.cpu.unit import DotUnit, round_generic
from schedules.workload import Layout


def vnni_dot(total: Expr, activation: Expr, weight: Expr) -> Expr:
    """16 lanes of four uint8 x int8 products each."""
    spread = T.reinterpret("uint8x64", T.broadcast(T.reinterpret("int32", activation), 16))
    return T.call_llvm_pure_intrin("int32x16", "llvm.x86.avx512.vpdpbusd.512", total, spread, weight)


def vnni_round(value: Expr) -> Expr:
    """float32x16 -> int32x16, half to even: cvtps2dq, one instruction where nearbyint and a conversion would be two."""
    zero = T.broadcast(T.int32(0), 16)
    return T.call_llvm_pure_intrin(
        "int32x16", "llvm.x86.avx512.mask.cvtps2dq.512", value, zero, T.int16(-1), T.int32(4)
    )


def vnni_lookup(levels: Buffer, index: Expr) -> Expr:
    """64 int32 entries in four registers: two 32-entry permutes and a choice by bit 5 (needs no VBMI)."""
    part = [levels[T.ramp(16 * i, 1, 16)] for i in range(4)]
    halves = [
        T.call_llvm_pure_intrin("int32x16", "llvm.x86.avx512.vpermi2var.d.512", part[i], index, part[i + 1]) for i in (0, 2)
    ]
    return T.Select(index < T.broadcast(T.int32(32), 16), halves[0], halves[1])


def pair_dot(intrinsic: str, lanes: int):  # noqa: ANN201 - a dot function
    """Lanes of two int16 x int16 products each, then an addition."""

    def dot(total: Expr, activation: Expr, weight: Expr) -> Expr:
        spread = T.reinterpret(f"int16x{2 * lanes}", T.broadcast(T.reinterpret("int32", activation), lanes))
        return total + T.call_llvm_pure_intrin(f"int32x{lanes}", intrinsic, spread, weight)

    return dot


VNNI = DotUnit(
    "vnni", 16, 4, "int8", Layout("uint8", 128, 16, 4, True), accumulators=20, max_vectors=4,
    dot=vnni_dot, round=vnni_round, write=write_each, lookup=vnni_lookup,
)  # fmt: skip
AVX2 = DotUnit(
    "avx2", 8, 2, "int16", Layout("int16", 0, 8, 4, True), accumulators=8, max_vectors=2,
    dot=pair_dot("llvm.x86.avx2.pmadd.wd", 8), round=round_generic(8), write=write_each,
)  # fmt: skip
SSE = DotUnit(
    "sse", 4, 2, "int16", Layout("int16", 0, 4, 4, True), accumulators=8, max_vectors=2,
    dot=pair_dot("llvm.x86.sse2.pmadd.wd", 4), round=round_generic(4), write=write_each,
)  # fmt: skip
