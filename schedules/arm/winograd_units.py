"""Winograd register tiles of the 64-bit ARM vector units."""

from schedules.arm.units import NEON, SDOT
from schedules.cpu.winograd_unit import WinogradUnit

INT8 = (127, 127)
SDOT_WINOGRAD = WinogradUnit(SDOT, tiles=3, vectors=4, unroll=4, channels=64, input_bytes=16, transformed=INT8)
NEON_WINOGRAD = WinogradUnit(NEON, tiles=3, vectors=4, unroll=4, channels=64, input_bytes=16, transformed=INT8)
