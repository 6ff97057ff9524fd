"""How the tile kernel's sums are written: channels in pairs of vectors, rows of a shuffled picture, or vector by vector."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T

from schedules.cpu.epilogue import write_each
from schedules.cpu.packing import channel_order, direct_constants
from schedules.cpu.parameters import Parameters
from schedules.cpu.unit import DotUnit, WriteVectors
from schedules.workload import Constants, Convolution
from schedules.x86.amx_tiles import LANES
from schedules.x86.packed import packed_constants, scale
from schedules.x86.pairs import pairs_order, write_pairs
from schedules.x86.units import VNNI, vnni_round


@dataclass(frozen=True)
class Epilogue:
    """One of the ways.

    Attributes:
        write: writes the sums of a pixel.
        order: (workload, vectors of a block) -> packed output channel -> logical output channel, -1 for padding.
        constants: bounds, levels and padding, and the type of the levels.
    """

    write: WriteVectors
    order: Callable[[Convolution, int], NDArray[np.int64]]
    constants: Callable[[Convolution, DotUnit, Constants], list[NDArray]]
    levels_dtype: str


def epilogue_of(workload: Convolution) -> Epilogue:
    if workload.writes_picture:
        return PICTURE_ROWS if workload.shuffle * workload.features <= LANES else EACH
    return PAIRS if workload.packable else EACH


def order_of_pairs(workload: Convolution, vectors: int) -> NDArray[np.int64]:
    """A block's pairs of vectors in the order that packs want."""
    logical = channel_order(workload, VNNI)
    return logical[pairs_order(len(logical), vectors * LANES)]


def write_picture_rows(
    workload: Convolution, unit: DotUnit, buffers: Parameters, sums: list[Expr], row: Expr, column: Expr, first: Expr
) -> None:
    """A vector holds what a pixel becomes in one row of the picture: the colours of ``shuffle`` pixels beside each other."""
    factor, colours = workload.shuffle, workload.features
    for number, total in enumerate(sums):
        value = scale(workload, buffers, total, (first + number) * LANES)
        rounded = vnni_round(T.max(value, T.broadcast(T.float32(0), LANES)))
        place = T.address_of(buffers.picture[row * factor + first + number, column * factor, 0])
        # saturates unsigned integers, which 2^31 of a float32 out of range is too
        mask = T.int16((1 << factor * colours) - 1 if factor * colours < LANES else -1)
        T.evaluate(T.call_llvm_intrin("llvm.x86.avx512.mask.pmovus.db.mem.512", place, rounded, mask, dtype="void"))


def order_of_picture_rows(workload: Convolution, vectors: int) -> NDArray[np.int64]:
    """(row, column, colour) of the pixels that a pixel becomes, each row padded to a vector."""
    factor, colours = workload.shuffle, workload.features
    logical = np.arange(workload.out_channels).reshape(colours, factor, factor).transpose(1, 2, 0).reshape(factor, -1)
    return np.pad(logical, ((0, 0), (0, LANES - factor * colours)), constant_values=-1).reshape(-1)


def logical_order(workload: Convolution, vectors: int) -> NDArray[np.int64]:
    return channel_order(workload, VNNI)


PAIRS = Epilogue(write_pairs, order_of_pairs, packed_constants, "uint8")
PICTURE_ROWS = Epilogue(write_picture_rows, order_of_picture_rows, direct_constants, "int32")
EACH = Epilogue(write_each, logical_order, direct_constants, "int32")
