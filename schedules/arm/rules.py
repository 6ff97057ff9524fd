"""Kernels of the 64-bit ARM targets, best first."""

from schedules.arm.matrix import matrix_rule
from schedules.arm.units import NEON, SDOT
from schedules.arm.winograd4 import winograd4_rule
from schedules.arm.winograd_units import I8MM_WINOGRAD, NEON_WINOGRAD, SDOT_WINOGRAD
from schedules.cpu.direct import direct_rule
from schedules.cpu.winograd import winograd_rule
from schedules.generic.rule import GENERIC, GenericRule
from schedules.registry import Rule

SDOT_RULES: list[tuple[str, Rule]] = [
    ("winograd.sdot", winograd_rule(SDOT_WINOGRAD)), ("direct.sdot", direct_rule(SDOT)), (GENERIC, GenericRule(SDOT)),
]  # fmt: skip
I8MM_RULES: list[tuple[str, Rule]] = [
    ("winograd.smmla", winograd_rule(I8MM_WINOGRAD)), ("direct.smmla", matrix_rule), *SDOT_RULES,
]  # fmt: skip
NEON_RULES: list[tuple[str, Rule]] = [
    ("winograd4.neon", winograd4_rule), ("winograd.neon", winograd_rule(NEON_WINOGRAD)), ("direct.neon", direct_rule(NEON)), (GENERIC, GenericRule(NEON)),
]  # fmt: skip
