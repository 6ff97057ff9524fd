"""Asking for cache lines before they are needed."""

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T


def prefetch(address: Expr, write: bool) -> None:
    """Ask for a cache line that will be read or written soon."""
    T.evaluate(T.call_llvm_intrin(
        "llvm.prefetch.p0", T.address_of(address), T.int32(int(write)), T.int32(3), T.int32(1), dtype="void"
    ))  # fmt: skip
