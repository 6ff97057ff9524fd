"""Writing the pixels of the picture that one pixel becomes behind a pixel shuffle: all its channels at once."""

from itertools import product

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T

from schedules.cpu.parameters import Parameters
from schedules.cpu.unit import DotUnit
from schedules.workload import Convolution
from schedules.x86.packed import scale
from schedules.x86.units import vnni_round

LANES, MOST = 16, 64  # bytes of a vector of channels, and of one byte permute


def write_shuffled_picture(
    workload: Convolution, unit: DotUnit, buffers: Parameters, sums: list[Expr], row: Expr, column: Expr, first: Expr
) -> None:
    """Requantize and write all accumulators of pixel (row, column), channels in their own order; ``first`` is 0."""
    factor, colours = workload.shuffle, workload.features
    values = [T.bind(saturated(scale(workload, buffers, total, (first + i) * LANES))) for i, total in enumerate(sums)]
    values += [T.broadcast(T.uint8(0), LANES)] * (MOST // LANES - len(values))
    for y in range(factor):
        # pixels beside each other are one run of bytes: here they are channels beyond the first one's
        run = [(colour * factor + y) * factor + x for x, colour in product(range(factor), range(colours))]
        for begin in range(0, len(run), LANES):
            part = run[begin : begin + LANES]
            at = [row * factor + y, column * factor, T.ramp(begin, 1, len(part)) if len(part) > 1 else begin]
            T.buffer_store(buffers.picture, T.Shuffle(values, part), at)


def saturated(value: Expr) -> Expr:
    """float32x16 -> uint8x16, clipped."""
    rounded = vnni_round(T.max(value, T.broadcast(T.float32(0), LANES)))
    zero = T.broadcast(T.uint8(0), LANES)
    # saturates unsigned integers, which 2^31 of a float32 out of range is too
    return T.call_llvm_pure_intrin("uint8x16", "llvm.x86.avx512.mask.pmovus.db.512", rounded, zero, T.int16(-1))
