"""Winograd register tiles of the 64-bit ARM vector units."""

from dataclasses import replace
from functools import cache

from schedules.arm.narrow import write_narrow
from schedules.arm.units import I8MM, SDOT, SDOT_IN_ORDER, neon_unit
from schedules.cpu.winograd_unit import WinogradUnit

INT8 = (127, 127)
SDOT_WINOGRAD = WinogradUnit(
    SDOT, tiles=6, vectors=2, unroll=4, channels=64, input_bytes=16, transformed=INT8, write=write_narrow, written=4
)
SDOT_IN_ORDER_WINOGRAD = replace(SDOT_WINOGRAD, unit=SDOT_IN_ORDER, tiles=4)
I8MM_WINOGRAD = WinogradUnit(
    I8MM, tiles=6, vectors=2, unroll=2, channels=64, input_bytes=16, transformed=INT8, write=write_narrow, written=4
)


@cache
def neon_winograd(products: int) -> WinogradUnit:
    """Widening multiplies where an int16 lane holds the sum of ``products`` products of transformed values."""
    unit = neon_unit(products)
    return WinogradUnit(
        unit, tiles=2, vectors=unit.max_vectors, unroll=unit.unroll, channels=64, input_bytes=16, transformed=INT8,
        write=write_narrow, written=4,
    )  # fmt: skip
