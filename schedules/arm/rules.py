"""Kernels of the 64-bit ARM targets, best first."""

from schedules.arm.matrix import matrix_rule
from schedules.arm.units import NEON, neon_unit
from schedules.arm.winograd4 import winograd4_rule
from schedules.arm.winograd_units import I8MM_WINOGRAD, SDOT_IN_ORDER_WINOGRAD, SDOT_WINOGRAD, neon_winograd
from schedules.cpu.direct import direct_rule
from schedules.cpu.winograd import winograd_rule
from schedules.cpu.winograd_unit import WinogradUnit
from schedules.generic.rule import GENERIC, GenericRule
from schedules.registry import Rule
from schedules.workload import Convolution, Kernel

INT16 = 2**15 - 1


def neon_direct_rule(workload: Convolution) -> Kernel | str:
    """Direct convolution on widening multiplies, with as many products in an int16 lane as it holds (W8A8: 2)."""
    products = INT16 // (min(workload.in_magnitude, 128) * workload.weight_magnitude)
    return direct_rule(neon_unit(products))(workload)


def neon_winograd_rule(workload: Convolution) -> Kernel | str:
    """F(2x2, 3x3) on widening multiplies; int16 holds four products of 4-bit layers."""
    products = INT16 // (4 * workload.in_magnitude * workload.largest_transformed_weight)
    return winograd_rule(neon_winograd(max(products, 1)))(workload)


def sdot_rules(winograd: WinogradUnit) -> list[tuple[str, Rule]]:
    """Those of one core's register tiles."""
    unit = winograd.unit
    return [("winograd.sdot", winograd_rule(winograd)), ("direct.sdot", direct_rule(unit)), (GENERIC, GenericRule(unit))]


SDOT_RULES, SDOT_IN_ORDER_RULES = sdot_rules(SDOT_WINOGRAD), sdot_rules(SDOT_IN_ORDER_WINOGRAD)
I8MM_RULES: list[tuple[str, Rule]] = [
    ("winograd.smmla", winograd_rule(I8MM_WINOGRAD)), ("direct.smmla", matrix_rule), *SDOT_RULES,
]  # fmt: skip
NEON_RULES: list[tuple[str, Rule]] = [
    ("winograd4.neon", winograd4_rule), ("winograd.neon", neon_winograd_rule), ("direct.neon", neon_direct_rule),
    (GENERIC, GenericRule(NEON)),
]  # fmt: skip
