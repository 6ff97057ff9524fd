"""Writing a block of any number of vectors of a pixel: pairs of them are packed, a last one is converted by itself."""

import numpy as np
from numpy.typing import NDArray
from tvm.ir import Expr

from schedules.cpu.parameters import Parameters
from schedules.cpu.unit import DotUnit
from schedules.workload import Convolution
from schedules.x86.packed import packed_order, write_packed
from schedules.x86.sixteen import LANES, write_sixteen
from schedules.x86.units import VNNI


def write_pairs(
    workload: Convolution, unit: DotUnit, buffers: Parameters, sums: list[Expr], row: Expr, column: Expr, first: Expr
) -> None:
    """Two vectors at a time, and the last alone if their number is odd."""
    even = len(sums) // 2 * 2
    if even:
        write_packed(workload, unit, buffers, sums[:even], row, column, first)
    if even < len(sums):
        write_sixteen(workload, unit, buffers, sums[even], row, column, first + even)


def pairs_order(channels: int, block: int) -> NDArray[np.int64]:
    """Accumulator index -> channel, of blocks that :func:`write_pairs` writes; see ``packed_order``."""
    even = block // (2 * LANES) * 2 * LANES
    permutation = np.concatenate([packed_order(even), np.arange(even, block)])
    return (np.arange(0, channels, block)[:, None] + permutation).reshape(-1)


def serves_pairs(workload: Convolution, vectors: int) -> bool:
    """Whether blocks of so many vectors can be written so: they belong to one pixel of the output, which is no picture."""
    whole = VNNI.layout.padded(workload.features) // LANES % vectors == 0
    return workload.packable and not workload.writes_picture and whole


def unpackable(workload: Convolution) -> str | None:
    """Why these epilogues do not serve a workload, or None."""
    if not workload.packable:
        return "values may leave int32 before they are clipped"
    if vectors_of_block(workload) == 1:
        return f"output channels do not fill vectors of {2 * LANES} or {3 * LANES}"
    return None


def vectors_of_block(workload: Convolution) -> int:
    """Vectors of output channels that are written at once: 4, 2 or 3 where they divide a pixel's, else 1."""
    count = VNNI.layout.padded(workload.features) // LANES
    return next(vectors for vectors in (4, 2, 3, 1) if count % vectors == 0)
