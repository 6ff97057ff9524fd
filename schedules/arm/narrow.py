"""Writing 16, 8 or 4 channels of a pixel at once on 64-bit ARM: narrowed by saturating instructions, looked up in bytes.

Conversions to integers and narrowing saturate, which is the clipping of docs/numerics.md: its ends are integers, so it
makes no difference whether values are clipped before they are rounded or after.
"""

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T

from schedules.cpu.epilogue import position, write_each
from schedules.cpu.parameters import Parameters
from schedules.cpu.unit import DotUnit
from schedules.workload import Convolution

LANES = 4


def to_integer(value: Expr) -> Expr:
    """float32x4 -> int32x4, half to even, saturating."""
    return T.call_llvm_pure_intrin("int32x4", "llvm.aarch64.neon.fcvtns.v4i32.v4f32", value)


def write_narrow(
    workload: Convolution, unit: DotUnit, buffers: Parameters, vectors: list[Expr], row: Expr, column: Expr, first: Expr
) -> None:
    """Requantize and write accumulators of pixel (row, column) of the convolution, 4 channels a vector.

    Args:
        first: index of the first vector among the packed output channels.
    """
    if workload.writes_picture:
        write_each(workload, unit, buffers, vectors, row, column, first)
        return
    per_pixel = unit.layout.padded(workload.features) // LANES
    whole = workload.shuffle == 1 or per_pixel % len(vectors) == 0  # all of them are of one output pixel
    done = 0
    while done < len(vectors):
        count = max(n for n in (4, 2, 1) if n <= (len(vectors) - done if whole else 1))
        write_part(workload, unit, buffers, vectors[done : done + count], row, column, first + done)
        done += count


def write_part(
    workload: Convolution, unit: DotUnit, buffers: Parameters, sums: list[Expr], row: Expr, column: Expr, first: Expr
) -> None:
    """4, 2 or 1 vectors: 16, 8 or 4 consecutive channels of one output pixel."""
    y, x, channel = position(workload, unit, row, column, first)
    words = narrow_pairs([requantize(workload, buffers, total, (first + i) * LANES) for i, total in enumerate(sums)])
    width = LANES * len(sums) // len(words)  # channels in each of them
    if workload.from_stream:
        for i, word in enumerate(words):
            channels = T.ramp(channel + width * i, 1, width)
            if buffers.skip is not None:
                word = T.call_llvm_pure_intrin(word.ty.dtype, f"llvm.sadd.sat.v{width}i16", word, buffers.skip[y, x, channels])
            words[i] = T.bind(word)
            if buffers.stream is not None:
                T.buffer_store(buffers.stream, words[i], [y, x, channels])
    if buffers.codes is None:
        return
    if workload.from_stream:
        words = stream_words(buffers, words, channel, width)
    channels = T.ramp(channel + workload.out_offset, 1, LANES * len(sums))
    place = [y + workload.out_halo, x + workload.out_halo, channels]
    codes = above_zero_points(buffers, words, channel, width) if workload.zero_points else codes_of(workload, buffers, words)
    T.buffer_store(buffers.codes, codes, place)


def requantize(workload: Convolution, buffers: Parameters, total: Expr, first: Expr) -> Expr:
    """An accumulator vector -> rounded int32x4."""
    channels = T.ramp(first, 1, LANES)
    total = T.bind(total)
    multiplier = buffers.positive[channels]
    if workload.bent:
        multiplier = T.Select(total >= T.broadcast(T.int32(0), LANES), multiplier, buffers.negative[channels])
    return to_integer(T.cast(total, "float32x4") * multiplier)


def narrow_pairs(vectors: list[Expr]) -> list[Expr]:
    """int32x4 vectors -> int16x8 of pairs of them, or one int16x4, saturated."""
    halves = [T.call_llvm_pure_intrin("int16x4", "llvm.aarch64.neon.sqxtn.v4i16", vector) for vector in vectors]
    if len(halves) == 1:
        return [T.bind(halves[0])]
    return [T.bind(T.vectorcombine("int16x8", *halves[i : i + 2])) for i in range(0, len(halves), 2)]


def stream_words(buffers: Parameters, words: list[Expr], channel: Expr, width: int) -> list[Expr]:
    """Stream values -> fine indices, saturated to int16."""
    vectors = []
    for i, word in enumerate(words):
        halves = [word] if width == LANES else [T.vectorlow("int16x4", word), T.vectorhigh("int16x4", word)]
        for j, half in enumerate(halves):
            ratio = buffers.ratio[T.ramp(channel + width * i + LANES * j, 1, LANES)]
            vectors.append(to_integer(T.cast(half, "float32x4") * ratio))
    return narrow_pairs(vectors)


def codes_of(workload: Convolution, buffers: Parameters, words: list[Expr]) -> Expr:
    """Fine indices -> stored codes. Their distance from the lowest one is an unsigned byte."""
    width = int(words[0].ty.dtype.split("x")[1])
    low = T.broadcast(T.cast(buffers.bounds[0], "int16"), width)
    above = [T.call_llvm_pure_intrin(f"int16x{width}", f"llvm.ssub.sat.v{width}i16", word, low) for word in words]
    if width == LANES:
        above = [T.vectorcombine("int16x8", above[0], above[0])]
    parts = [T.call_llvm_pure_intrin("uint8x8", "llvm.aarch64.neon.sqxtun.v8i8", part) for part in above]
    index = T.vectorcombine("uint8x16", parts[0], parts[-1])
    last = T.broadcast(T.cast(buffers.bounds[1] - buffers.bounds[0], "uint8"), 16)
    index = T.bind(T.min(index, last))
    if workload.codes == "uniform":
        offset = T.broadcast(T.cast(buffers.bounds[0] + buffers.bounds[2], "uint8"), 16)
        codes = T.reinterpret("int8x16", index + offset)
    else:
        table = [buffers.levels[T.ramp(16 * i, 1, 16)] for i in range(4)]
        codes = T.call_llvm_pure_intrin(
            "int8x16", "llvm.aarch64.neon.tbl4.v16i8", *table, T.reinterpret("int8x16", index)
        )
    return first_channels(codes, width * len(words))


def above_zero_points(buffers: Parameters, words: list[Expr], channel: Expr, width: int) -> Expr:
    """Multiples of the step above a real zero -> stored codes: each channel's own zero is added."""
    parts = []
    for i, word in enumerate(words):
        zeros = T.cast(buffers.padding[T.ramp(channel + width * i, 1, width)], f"int16x{width}")
        total = T.call_llvm_pure_intrin(f"int16x{width}", f"llvm.sadd.sat.v{width}i16", word, zeros)
        total = T.vectorcombine("int16x8", total, total) if width == LANES else total
        parts.append(T.call_llvm_pure_intrin("int8x8", "llvm.aarch64.neon.sqxtn.v8i8", total))
    low, high = (T.broadcast(T.cast(buffers.bounds[end], "int8"), 16) for end in (3, 4))
    codes = T.max(T.min(T.vectorcombine("int8x16", parts[0], parts[-1]), high), low)
    return first_channels(codes, width * len(words))


def first_channels(codes: Expr, channels: int) -> Expr:
    """The first 16, 8 or 4 bytes of int8x16."""
    if channels == 16:
        return codes
    codes = T.vectorlow("int8x8", codes)
    return codes if channels == 8 else T.vectorlow("int8x4", codes)
