"""Winograd register tiles of the x86 vector units."""

from dataclasses import replace

from schedules.cpu.winograd import winograd_rule
from schedules.cpu.winograd_unit import WinogradUnit
from schedules.workload import Convolution, Kernel
from schedules.x86.packed import packed_constants
from schedules.x86.pairs import pairs_order, unpackable, vectors_of_block, write_pairs
from schedules.x86.units import AVX2, SSE, VNNI

INT8, INT16 = (127, 127), (32767, 32767)
VNNI_WINOGRAD = WinogradUnit(
    VNNI, tiles=6, vectors=2, unroll=4, channels=64, input_bytes=64, transformed=INT8, prefetch=True,
    write=write_pairs, order=pairs_order, epilogue_constants=packed_constants, levels_dtype="uint8", refuses=unpackable,
)  # fmt: skip
# 48 channels are three vectors beside each other, of fewer tiles
VNNI_WINOGRAD_THREES = replace(VNNI_WINOGRAD, tiles=4, vectors=3, channels=48)
AVX2_WINOGRAD = WinogradUnit(
    AVX2, tiles=2, vectors=2, unroll=2, channels=64, input_bytes=32, transformed=INT16, levels_dtype="int16"
)
SSE_WINOGRAD = WinogradUnit(
    SSE, tiles=2, vectors=2, unroll=2, channels=64, input_bytes=16, transformed=INT16, levels_dtype="int16"
)


def vnni_winograd_rule(workload: Convolution) -> Kernel | str:
    """A registry rule."""
    threes = vectors_of_block(workload) == 3
    return winograd_rule(VNNI_WINOGRAD_THREES if threes else VNNI_WINOGRAD)(workload)
