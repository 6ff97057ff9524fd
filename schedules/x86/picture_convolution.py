"""The last convolution, one to four colours out, for AVX-512 VNNI: lanes hold input channels, not output channels.

With three output channels a register tile across output channels would leave 13 of 16 lanes empty. Here each lane sums four
input channels of one pixel and one colour, and the 16 lanes of an accumulator are added up at the end: a 3x3 convolution
of 64 channels takes 27 dot products a pixel and about 9 shuffles and additions, instead of 144 dot products.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tvm.ir import Expr
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer, Var

from schedules.cpu.packing import stored_channels, stored_weights
from schedules.cpu.parameters import feature_map
from schedules.workload import Constants, Convolution, Kernel
from schedules.x86.units import VNNI, vnni_round

MOST_COLOURS, BYTES, LANES = 4, 64, 16
PIXELS = 4  # summed at once: an accumulator for every colour of each
TILE = 16  # pixels that are written together


@dataclass(frozen=True)
class Parameters:
    """The kernel's buffers, in the order of the PrimFunc's parameters.

    Attributes:
        source: (H + 2 * halo, W + 2 * halo, channels) uint8 codes.
        weight: (k, chunks of a row, colours, 64) int8.
        start, positive, negative: (16 * colours,) of 16 pixels' colours.
        picture: (H, W, colours) uint8.
    """

    source: Buffer
    weight: Buffer
    start: Buffer
    positive: Buffer
    negative: Buffer
    picture: Buffer


def chunk_starts(workload: Convolution) -> list[int]:
    """First byte of each 64-byte chunk of the pixels under one row of the kernel; the last one may overlap."""
    row = workload.kernel * stored_channels(workload, VNNI)
    return [min(begin, row - BYTES) for begin in range(0, row, BYTES)]


def picture_rule(workload: Convolution) -> Kernel | str:
    """A registry rule."""
    if not workload.writes_picture or workload.out_channels > MOST_COLOURS or workload.shuffle != 1:
        return "does not make the colours of the picture"
    if workload.groups != 1 or workload.reads_picture:
        return "grouped, or reads the picture"
    if workload.kernel * stored_channels(workload, VNNI) < BYTES:
        return f"a row of its kernel has fewer than {BYTES} bytes"
    if stored_channels(workload, VNNI) % BYTES and workload.source_channels(VNNI.layout) != stored_channels(workload, VNNI):
        return f"it reads part of a wide map, and not a multiple of {BYTES} channels"  # chunks would span pixels
    return Kernel("picture.vnni", picture_convolution(workload), lambda constants: pack_picture(workload, constants))


def picture_convolution(workload: Convolution):  # noqa: ANN201 - tirx.PrimFunc
    """Build the PrimFunc: rows in parallel; in a row, tiles of 16 pixels, then single pixels."""
    chunks, colours = len(chunk_starts(workload)), workload.out_channels
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        rows, columns = Var("rows", "int64"), Var("columns", "int64")
        height, width = rows - 2 * workload.in_halo, columns - 2 * workload.in_halo
        buffers = Parameters(
            T.arg("source", feature_map((rows, columns, workload.source_channels(VNNI.layout)), "uint8")),
            T.arg("weight", T.buffer((workload.kernel, chunks, colours, BYTES), "int8")),
            T.arg("start", T.buffer((TILE * colours,), "int32")),
            T.arg("positive", T.buffer((TILE * colours,), "float32")),
            T.arg("negative", T.buffer((TILE * colours,), "float32")),
            T.arg("picture", feature_map((height, width, colours), "uint8")),
        )
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        with T.parallel(0, height) as row:
            with T.serial(0, width // TILE) as tile:
                write_tile(workload, buffers, row, tile * TILE)
            with T.serial(0, width % TILE) as rest:
                write_pixel(workload, buffers, row, width - width % TILE + rest)
    return builder.get()


def dot_products(workload: Convolution, buffers: Parameters, row: Expr, column: Expr, pixels: int) -> list[Buffer]:
    """Accumulators [pixel * colours + colour] of ``pixels`` pixels from (row, column) on, 16 partial sums each."""
    every, colours = T.ramp(0, 1, LANES), workload.out_channels
    sums = [T.alloc_buffer((LANES,), "int32", scope="global") for _ in range(pixels * colours)]
    for total in sums:
        T.buffer_store(total, T.broadcast(T.int32(0), LANES), [every])
    offset, channels = workload.in_halo - workload.kernel // 2, stored_channels(workload, VNNI)
    with T.serial(0, workload.kernel) as y:
        for chunk, begin in enumerate(chunk_starts(workload)):
            for pixel in range(pixels):
                # a chunk may begin inside one pixel and end in another, so it is addressed from its row's first byte
                at = [row + y + offset, column + offset + pixel + begin // channels, T.ramp(begin % channels, 1, BYTES)]
                values = T.bind(buffers.source[at])
                for colour in range(colours):
                    weight = buffers.weight[y, chunk, colour, T.ramp(0, 1, BYTES)]
                    total = sums[pixel * colours + colour]
                    product = T.call_llvm_pure_intrin(
                        "int32x16", "llvm.x86.avx512.vpdpbusd.512", total[every], values, weight
                    )
                    T.buffer_store(total, product, [every])
    return sums


def write_tile(workload: Convolution, buffers: Parameters, row: Var, column: Expr) -> None:
    """16 pixels: four times four pixels summed up, then all their bytes requantized and written."""
    colours = workload.out_channels
    totals = T.alloc_buffer((TILE * colours + LANES,), "int32", scope="global")
    with T.serial(0, TILE // PIXELS) as part:
        sums = dot_products(workload, buffers, row, column + part * PIXELS, PIXELS)
        vectors = [T.bind(total[T.ramp(0, 1, LANES)]) for total in sums]
        T.buffer_store(totals, add_lanes(vectors), [T.ramp(part * PIXELS * colours, 1, LANES)])
    for vector in range(colours):
        lanes = T.ramp(vector * LANES, 1, LANES)
        total = T.bind(totals[lanes] + buffers.start[lanes])
        multiplier = buffers.positive[lanes]
        if workload.bent:
            multiplier = T.Select(total >= T.broadcast(T.int32(0), LANES), multiplier, buffers.negative[lanes])
        scaled = T.cast(total, "float32x16") * multiplier
        black, white = (T.broadcast(T.float32(end), LANES) for end in (0, 255))
        pixels = T.cast(vnni_round(T.max(T.min(scaled, white), black)), "uint8x16")
        T.buffer_store(buffers.picture, pixels, [row, column, lanes])


def add_lanes(vectors: list[Expr]) -> Expr:
    """Up to 16 vectors -> one whose lane i is the sum of vector i's lanes, by adding up neighbours in four rounds."""
    vectors = vectors + [T.broadcast(T.int32(0), LANES)] * (LANES - len(vectors))
    for width in (1, 2, 4, 8):
        # lanes without bit ``width`` come from the first of two vectors, lanes with it from the second
        low = [LANES + lane - width if lane & width else lane for lane in range(LANES)]
        high = [LANES + lane if lane & width else lane + width for lane in range(LANES)]
        pairs = zip(vectors[::2], vectors[1::2], strict=True)
        vectors = [T.bind(T.Shuffle([a, b], low) + T.Shuffle([a, b], high)) for a, b in pairs]
    return vectors[0]


def write_pixel(workload: Convolution, buffers: Parameters, row: Var, column: Expr) -> None:
    """One pixel, for what is left of a row."""
    sums = dot_products(workload, buffers, row, column, 1)
    for colour, lanes in enumerate(sums):
        total = T.call_llvm_pure_intrin("int32", "llvm.vector.reduce.add.v16i32", lanes[T.ramp(0, 1, LANES)])
        total = T.bind(total + buffers.start[colour])
        multiplier = buffers.positive[colour]
        if workload.bent:
            multiplier = T.Select(total >= 0, multiplier, buffers.negative[colour])
        scaled = T.max(T.min(T.cast(total, "float32") * multiplier, T.float32(255)), T.float32(0))
        T.buffer_store(buffers.picture, T.cast(T.nearbyint(scaled), "uint8"), [row, column, colour])


def pack_picture(workload: Convolution, constants: Constants) -> list[NDArray]:
    """weight, start, positive, negative."""
    channels, kernel, colours = stored_channels(workload, VNNI), workload.kernel, workload.out_channels
    weight = stored_weights(workload, np.arange(colours), channels, constants).transpose(0, 2, 3, 1)
    rows = weight.reshape(colours, kernel, kernel * channels)
    chunked, covered = [], 0
    for begin in chunk_starts(workload):
        chunk = rows[:, :, begin : begin + BYTES].copy()
        chunk[:, :, : covered - begin] = 0  # what an overlapping chunk has summed already
        chunked.append(chunk)
        covered = begin + BYTES
    tiled = np.stack(chunked).transpose(2, 0, 1, 3).astype(np.int8)
    shift = VNNI.layout.shift(constants.in_low, constants.in_high)
    start = constants.start.astype(np.int64) - (VNNI.layout.bias - shift) * weight.sum((1, 2, 3))
    multipliers = [np.tile(m, TILE).astype(np.float32) for m in (constants.positive, constants.negative)]
    return [np.ascontiguousarray(tiled), np.tile(start, TILE).astype(np.int32), *multipliers]
