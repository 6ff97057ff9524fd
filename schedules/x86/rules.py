"""Kernels of the x86 targets, best first."""

from schedules.cpu.direct import DirectEpilogue, direct_rule
from schedules.cpu.winograd import winograd_rule
from schedules.generic.rule import GENERIC, GenericRule
from schedules.registry import Rule
from schedules.x86.amx import amx_rule
from schedules.x86.packed import packed_constants
from schedules.x86.pairs import pairs_order, serves_pairs, write_pairs
from schedules.x86.picture_convolution import picture_rule
from schedules.x86.units import AVX2, SSE, VNNI
from schedules.x86.winograd4 import winograd4_rule
from schedules.x86.winograd_units import AVX2_WINOGRAD, SSE_WINOGRAD, vnni_winograd_rule

vnni_direct_rule = direct_rule(VNNI, DirectEpilogue(write_pairs, pairs_order, packed_constants, "uint8", serves_pairs))
AMX_RULES: list[tuple[str, Rule]] = [
    ("direct.amx", amx_rule), ("picture.vnni", picture_rule), ("direct.vnni", vnni_direct_rule), (GENERIC, GenericRule(VNNI)),
]  # fmt: skip
VNNI_RULES: list[tuple[str, Rule]] = [
    ("picture.vnni", picture_rule), ("winograd.vnni", vnni_winograd_rule), ("winograd4.vnni", winograd4_rule),
    ("direct.vnni", vnni_direct_rule), (GENERIC, GenericRule(VNNI)),
]  # fmt: skip
AVX2_RULES: list[tuple[str, Rule]] = [
    ("winograd.avx2", winograd_rule(AVX2_WINOGRAD)), ("direct.avx2", direct_rule(AVX2)), (GENERIC, GenericRule(AVX2)),
]  # fmt: skip
SSE_RULES: list[tuple[str, Rule]] = [
    ("winograd.sse", winograd_rule(SSE_WINOGRAD)), ("direct.sse", direct_rule(SSE)), (GENERIC, GenericRule(SSE)),
]  # fmt: skip
