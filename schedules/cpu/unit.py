"""A CPU's integer dot product: what the convolution generator needs to know of a vector unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer

from schedules.workload import Convolution, Layout

TABLE_ENTRIES = 64


@dataclass(frozen=True)
class RegisterTile:
    """Accumulators and what is multiplied into them: ``pixels`` x ``vectors``, once for every matrix.

    Attributes:
        sums: [matrix][pixel][vector] buffers of ``lanes`` int32 (of a unit with pixel pairs: an even number of pixels).
        activation: (matrix, pixel, first channel, channels) -> as many stored channels as loaded.
        weight: (matrix, dot product along the channels, vector) -> weights of one dot product.
    """

    sums: list[list[list[Buffer]]]
    activation: Callable[[int, int, Expr, int], Expr]
    weight: Callable[[int, Expr, int], Expr]


# (unit, tile, first dot product along the channels, how many)
Multiply = Callable[["DotUnit", RegisterTile, Expr, int], None]
# (workload, unit, schedules.cpu.parameters.Parameters, accumulator vectors, row, column, index of the first vector) -> None
WriteVectors = Callable[[Convolution, "DotUnit", Any, list[Expr], Expr, Expr, Expr], None]


def multiply_each(unit: DotUnit, tile: RegisterTile, first: Expr, count: int) -> None:
    """One dot product after the other; activations are loaded for each of them."""
    every = T.ramp(0, 1, unit.lanes)
    for step in range(count):
        for matrix, pixels in enumerate(tile.sums):
            for pixel, vectors in enumerate(pixels):
                for vector, total in enumerate(vectors):
                    activation = tile.activation(matrix, pixel, (first + step) * unit.group, unit.group)
                    weight = tile.weight(matrix, first + step, vector)
                    T.buffer_store(total, unit.dot(total[every], activation, weight), [every])


def multiply_steps(unit: DotUnit, multiply: Multiply, tile: RegisterTile, steps: int, unroll: int) -> None:
    """All ``steps`` dot products along the channels, ``unroll`` in one iteration of a loop and the rest behind it."""
    whole = steps // unroll
    if whole:
        with T.serial(0, whole) as step:
            multiply(unit, tile, step * unroll, unroll)
    if steps % unroll:
        multiply(unit, tile, T.int32(whole * unroll), steps % unroll)


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
        write: writes one pixel's accumulator vectors.
        lookup: (table of TABLE_ENTRIES int32, int32 index vector) -> int32 vector, or None where it is done lane by lane.
        unroll: dot products along the channels in one iteration of the inner loop.
        multiply: multiplies into a register tile.
        pairs: the accumulators of two neighbouring pixels hold the same channels of both; see ``spread`` and ``gather``.
        spread: (channels of one pixel, index of the pixel) -> what its accumulator holds if both of its pair have them.
        gather: (the accumulators of a pair, index of the pixel) -> the pixel's channels.
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
    write: WriteVectors
    lookup: Callable[[Buffer, Expr], Expr] | None = None
    unroll: int = 1
    multiply: Multiply = multiply_each
    pairs: bool = False
    spread: Callable[[Expr, int], Expr] = lambda value, pixel: value
    gather: Callable[[Expr, Expr, int], Expr] = lambda first, second, pixel: (first, second)[pixel % 2]

    def tile(self, vectors: int) -> tuple[int, int]:
        """(pixels, vectors) of the register tile for ``vectors`` vectors of output channels in all."""
        beside = max(n for n in range(1, self.max_vectors + 1) if vectors % n == 0)
        return min(self.accumulators // beside, 16), beside

    def accumulators_of(self, pixels: int, vectors: int) -> list[list[Buffer]]:
        """[pixel][vector] buffers for a register tile, a pixel more where a pair needs it.

        Below 1 KB and of global scope they stay on the stack, that is, in registers.
        """
        count = pixels + pixels % 2 if self.pairs else pixels
        return [[T.alloc_buffer((self.lanes,), "int32", scope="global") for _ in range(vectors)] for _ in range(count)]

    def channels_of(self, sums: list[list[Buffer]], pixel: int, vector: int) -> Expr:
        """One pixel's channels in a tile of accumulators."""
        every = T.ramp(0, 1, self.lanes)
        if not self.pairs:
            return sums[pixel][vector][every]
        first = pixel - pixel % 2
        return self.gather(sums[first][vector][every], sums[first + 1][vector][every], pixel)


def round_generic(lanes: int) -> Callable[[Expr], Expr]:
    """Rounding by nearbyint and a truncating conversion, for any target."""
    return lambda value: T.cast(T.nearbyint(value), f"int32x{lanes}")
