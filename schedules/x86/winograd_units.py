"""Winograd register tiles of the x86 vector units."""

from schedules.cpu.winograd_unit import WinogradUnit
from schedules.x86.packed import packed_constants, packed_order, unpackable, write_packed
from schedules.x86.units import AVX2, SSE, VNNI

INT8, INT16 = (127, 127), (32767, 32767)
VNNI_WINOGRAD = WinogradUnit(
    VNNI, tiles=6, vectors=2, unroll=4, channels=64, input_bytes=64, transformed=INT8, prefetch=True,
    write=write_packed, order=packed_order, epilogue_constants=packed_constants, levels_dtype="uint8", refuses=unpackable,
)  # fmt: skip
AVX2_WINOGRAD = WinogradUnit(
    AVX2, tiles=2, vectors=2, unroll=2, channels=64, input_bytes=32, transformed=INT16, levels_dtype="int16"
)
SSE_WINOGRAD = WinogradUnit(
    SSE, tiles=2, vectors=2, unroll=2, channels=64, input_bytes=16, transformed=INT16, levels_dtype="int16"
)
