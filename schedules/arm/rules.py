"""Kernels of the 64-bit ARM targets, best first."""

from schedules.arm.units import NEON, SDOT
from schedules.cpu.direct import direct_rule

SDOT_RULES = [("direct.sdot", direct_rule(SDOT))]
NEON_RULES = [("direct.neon", direct_rule(NEON))]
