"""64-bit ARM vector units: sdot, and smull with pairwise accumulation for CPUs without it."""

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T

from schedules.cpu.unit import DotUnit, round_generic
from schedules.workload import Layout

LAYOUT = Layout("int8", 0, 4, 4, True)


def sdot(total: Expr, activation: Expr, weight: Expr) -> Expr:
    """4 lanes of four int8 x int8 products each."""
    spread = T.reinterpret("int8x16", T.broadcast(T.reinterpret("int32", activation), 4))
    return T.call_llvm_pure_intrin("int32x4", "llvm.aarch64.neon.sdot.v4i32.v16i8", total, spread, weight)


def widening_dot(total: Expr, activation: Expr, weight: Expr) -> Expr:
    """4 lanes of two int8 x int8 products each; a product fits int16, the pairwise sum goes to int32."""
    spread = T.reinterpret("int8x8", T.broadcast(T.reinterpret("int16", activation), 4))
    products = T.call_llvm_pure_intrin("int16x8", "llvm.aarch64.neon.smull.v8i16", spread, weight)
    return total + T.call_llvm_pure_intrin("int32x4", "llvm.aarch64.neon.saddlp.v4i32.v8i16", products)


SDOT = DotUnit("sdot", 4, 4, "int8", LAYOUT, accumulators=20, max_vectors=4, dot=sdot, round=round_generic(4))
NEON = DotUnit("neon", 4, 2, "int8", LAYOUT, accumulators=16, max_vectors=4, dot=widening_dot, round=round_generic(4))
