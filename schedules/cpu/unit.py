"""A CPU's integer dot product: what the convolution generator needs to know of a vector unit."""

from collections.abc import Callable
from dataclasses import dataclass

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer

from schedules.workload import Layout

TABLE_ENTRIES = 64


@dataclass(frozen=True)
class DotUnit:
    """One vector instruction (or short sequence) that multiplies and adds small integers into int32 lanes.

    Attributes:
        name: for kernel names.
        lanes: int32 lanes of a vector; each holds one output channel.
        group: input channels one dot product takes.
        weight_dtype: of the packed weights, ``int8`` or ``int16``.
        layout: how feature maps lie in memory; its storage is the dtype of the activations.
        accumulators: vectors to accumulate in at once; the rest of the registers hold weights and activations.
        max_vectors: at most so many of them beside each other in the channel direction.
        dot: (accumulator, activation, weight) -> accumulator; the activation is one pixel's ``group`` channels as loaded.
        round: float32 vector -> int32 vector, half to even; the values are in range.
        lookup: (table of TABLE_ENTRIES int32, int32 index vector) -> int32 vector, or None where it is done lane by lane.
    """

    name: str
    lanes: int
    group: int
    weight_dtype: str
    layout: Layout
    accumulators: int
    max_vectors: int
    dot: Callable[[Expr, Expr, Expr], Expr]
    round: Callable[[Expr], Expr]
    lookup: Callable[[Buffer, Expr], Expr] | None = None

    def tile(self, vectors: int) -> tuple[int, int]:
        """(pixels, vectors) of the register tile for ``vectors`` vectors of output channels in all."""
        beside = max(n for n in range(1, self.max_vectors + 1) if vectors % n == 0)
        return min(self.accumulators // beside, 16), beside


def round_generic(lanes: int) -> Callable[[Expr], Expr]:
    """Rounding by nearbyint and a truncating conversion, for any target."""
    return lambda value: T.cast(T.nearbyint(value), f"int32x{lanes}")
