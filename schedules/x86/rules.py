"""Kernels of the x86 targets, best first."""

from schedules.cpu.direct import direct_rule
from schedules.x86.picture_convolution import picture_rule
from schedules.x86.units import AVX2, SSE, VNNI
from schedules.x86.winograd import winograd_rule

VNNI_RULES = [("picture.vnni", picture_rule), ("winograd.vnni", winograd_rule), ("direct.vnni", direct_rule(VNNI))]
AVX2_RULES = [("direct.avx2", direct_rule(AVX2))]
SSE_RULES = [("direct.sse", direct_rule(SSE))]
