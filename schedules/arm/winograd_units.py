"""Winograd register tiles of the 64-bit ARM vector units."""

from schedules.arm.narrow import write_narrow
from schedules.arm.units import I8MM, NEON, SDOT
from schedules.cpu.winograd_unit import WinogradUnit

INT8 = (127, 127)
SDOT_WINOGRAD = WinogradUnit(
    SDOT, tiles=3, vectors=4, unroll=4, channels=64, input_bytes=16, transformed=INT8, write=write_narrow, written=4
)
I8MM_WINOGRAD = WinogradUnit(
    I8MM, tiles=6, vectors=2, unroll=2, channels=64, input_bytes=16, transformed=INT8, write=write_narrow, written=4
)
NEON_WINOGRAD = WinogradUnit(
    NEON, tiles=3, vectors=4, unroll=4, channels=64, input_bytes=16, transformed=INT8, write=write_narrow, written=4
)
