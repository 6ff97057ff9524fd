"""Writing 32 or 64 channels of a pixel at once: requantize in int32, add streams in int16, look codes up in bytes.

Narrowing pack instructions work inside 128-bit lanes, so accumulators hold the output channels in the order of
``packed_order``: then a pack of two int32 vectors yields 32 consecutive channels. Saturation of the packs is the clipping
of docs/numerics.md; that needs every product to fit int32 before it (``Convolution.packable``).
"""

import numpy as np
from numpy.typing import NDArray
from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T

from schedules.cpu.epilogue import position
from schedules.cpu.parameters import Parameters
from schedules.cpu.unit import DotUnit
from schedules.workload import Constants, Convolution
from schedules.x86.units import vnni_round

TABLE = 64  # entries of one byte permute
SAME_LANES = [0, 2, 4, 6, 1, 3, 5, 7]  # 8-byte groups behind packs of two units
PACKED_HALVES = [0, 4, 1, 5, 2, 6, 3, 7]  # 8-byte groups of 32 channels in one pack of two halves
STREAM_LANES = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15]  # 4-byte groups behind packs of four halves


def packed_order(channels: int) -> NDArray[np.int64]:
    """Accumulator index (vector, lane) -> channel, for a multiple of 32 channels."""
    index = np.arange(channels)
    unit, vector, lane = index // 32, index // 16 % 2, index % 16
    return 32 * unit + 8 * (lane // 4) + 4 * vector + lane % 4


def packed_constants(workload: Convolution, unit: DotUnit, constants: Constants) -> list[NDArray]:
    """bounds (lowest and highest fine index as a signed byte, what is subtracted to make it one), levels by the low six bits
    of the fine index, padding."""
    layout, levels = unit.layout, constants.levels
    shift = layout.shift(*constants.out_range)
    low, high = constants.low, constants.low + max(len(levels), 1) - 1
    table, subtracted = np.zeros(TABLE, np.int64), shift
    if workload.codes == "table":
        table[(low + np.arange(len(levels))) % TABLE] = levels
        subtracted = 0  # the table does it
    bounds = np.array([low - subtracted, high - subtracted, subtracted, 0, 0][: 5 if workload.zero_points else 3], np.int32)
    return [bounds, layout.store(table, shift), layout.store(constants.outside(layout.padded(workload.features)), shift)]


def write_packed(
    workload: Convolution, unit: DotUnit, buffers: Parameters, sums: list[Expr], row: Expr, column: Expr, first: Expr
) -> None:
    """Requantize and write accumulators of pixel (row, column) of the convolution.

    Args:
        sums: two or four int32x16 vectors, channels in ``packed_order``.
        first: index of the first vector among the packed output channels.
    """
    y, x, channel = position(workload, unit, row, column, first)
    units = [
        T.bind(requantize_unit(workload, buffers, sums[i : i + 2], (first + i) * 16)) for i in range(0, len(sums), 2)
    ]
    if workload.from_stream:
        for unit in range(len(units)):
            place = [y, x, T.ramp(channel + 32 * unit, 1, 32)]
            if buffers.skip is not None:
                total = T.call_llvm_pure_intrin("int16x32", "llvm.sadd.sat.v32i16", units[unit], buffers.skip[place])
                units[unit] = T.bind(total)
            if buffers.stream is not None:
                T.buffer_store(buffers.stream, units[unit], place)
    if buffers.codes is None:
        return
    halo, lanes = workload.out_halo, 32 * len(units)
    words = stream_words(buffers, units, channel) if workload.from_stream else units
    codes = T.bind(stored_codes(workload, buffers, narrow(workload, buffers, words, channel), lanes))
    if len(units) == 2:
        dtype, lanes_in_order = ("int32x16", STREAM_LANES) if workload.from_stream else ("int64x8", SAME_LANES)
        ordered = T.Shuffle([T.reinterpret(dtype, codes)], lanes_in_order)
        codes = T.reinterpret("uint8x64", ordered)
    T.buffer_store(buffers.codes, codes, [y + halo, x + halo, T.ramp(channel + workload.out_offset, 1, lanes)])


def requantize_unit(workload: Convolution, buffers: Parameters, sums: list[Expr], first: Expr) -> Expr:
    """Two accumulator vectors -> 32 consecutive channels, int16x32, clipped to int16."""
    return pack_words(*(
        vnni_round(scale(workload, buffers, total, first + 16 * vector)) for vector, total in enumerate(sums)
    ))  # fmt: skip


def scale(workload: Convolution, buffers: Parameters, total: Expr, first: Expr) -> Expr:
    """An accumulator vector times its channels' multipliers, float32x16; ``first`` is the first among the packed channels."""
    channels = T.ramp(first, 1, 16)
    multiplier = buffers.positive[channels]
    if workload.bent:
        multiplier = T.Select(total >= T.broadcast(T.int32(0), 16), multiplier, buffers.negative[channels])
    return T.cast(total, "float32x16") * multiplier


def pack_words(first: Expr, second: Expr) -> Expr:
    return T.call_llvm_pure_intrin("int16x32", "llvm.x86.avx512.packssdw.512", first, second)


def stream_words(buffers: Parameters, units: list[Expr], channel: Expr) -> list[Expr]:
    """Stream values -> fine indices, clipped to int16; two units come out in 4-byte-group disorder (``STREAM_LANES``)."""
    words = []
    for unit, stream in enumerate(units):
        halves = []
        for half, part in enumerate((T.vectorlow("int16x16", stream), T.vectorhigh("int16x16", stream))):
            ratio = buffers.ratio[T.ramp(channel + 32 * unit + 16 * half, 1, 16)]
            halves.append(vnni_round(T.cast(part, "float32x16") * ratio))
        if len(units) == 2:
            words.append(pack_words(*halves))
        else:
            low, high = (T.broadcast(T.int32(end), 16) for end in (-32768, 32767))
            words.append(T.vectorcombine("int16x32", *(T.cast(T.max(T.min(h, high), low), "int16x16") for h in halves)))
    return words


def narrow(workload: Convolution, buffers: Parameters, words: list[Expr], channel: Expr) -> Expr:
    """One or two int16x32 -> int8x32 or int8x64, saturating; two are interleaved in 8-byte groups."""
    if workload.zero_points:
        ordered = workload.from_stream and len(words) == 2
        zeros = [signed_zeros(buffers, channel + 32 * unit, ordered) for unit in range(len(words))]
        words = [T.call_llvm_pure_intrin("int16x32", "llvm.sadd.sat.v32i16", *pair) for pair in zip(words, zeros)]
    elif workload.codes == "uniform":
        shift = T.broadcast(T.cast(buffers.bounds[2], "int16"), 32)
        words = [T.call_llvm_pure_intrin("int16x32", "llvm.ssub.sat.v32i16", word, shift) for word in words]
    if len(words) == 2:
        return T.call_llvm_pure_intrin("int8x64", "llvm.x86.avx512.packsswb.512", *words)
    zero = T.broadcast(T.int8(0), 32)
    return T.call_llvm_pure_intrin("int8x32", "llvm.x86.avx512.mask.pmovs.wb.512", words[0], zero, T.int32(-1))


def signed_zeros(buffers: Parameters, channel: Expr, stream_order: bool) -> Expr:
    """int16x32: 32 channels' real zero as a signed byte's value, in the order that packs of two stream halves have."""
    zeros = T.cast(buffers.padding[T.ramp(channel, 1, 32)], "int16x32") - T.broadcast(T.int16(128), 32)
    if not stream_order:
        return zeros
    return T.reinterpret("int16x32", T.Shuffle([T.reinterpret("int64x8", T.bind(zeros))], PACKED_HALVES))


def stored_codes(workload: Convolution, buffers: Parameters, fine: Expr, lanes: int) -> Expr:
    """Fine indices as int8, 16, 32 or 64 of them -> stored codes as uint8, same order."""
    low, high = (T.broadcast(T.cast(buffers.bounds[end], "int8"), lanes) for end in (0, 1))
    clipped = T.max(T.min(fine, high), low)
    if workload.codes == "uniform":
        return T.bitwise_xor(T.reinterpret(f"uint8x{lanes}", clipped), T.broadcast(T.uint8(128), lanes))
    table = T.reinterpret(f"int8x{TABLE}", buffers.levels[T.ramp(0, 1, TABLE)])
    repeated, width = clipped, lanes
    while width < TABLE:
        width *= 2
        repeated = T.vectorcombine(f"int8x{width}", T.bind(repeated), repeated)
    looked_up = T.call_llvm_pure_intrin("int8x64", "llvm.x86.avx512.permvar.qi.512", table, repeated)
    while width > lanes:
        width //= 2
        looked_up = T.vectorlow(f"int8x{width}", T.bind(looked_up))
    return T.reinterpret(f"uint8x{lanes}", looked_up)
