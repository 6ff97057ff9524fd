"""Kernels of the CUDA targets, best first."""

from schedules.cuda.direct import direct_rule
from schedules.cuda.generic import generic_rule
from schedules.registry import Rule

DP4A_RULES: list[tuple[str, Rule]] = [("direct.dp4a", direct_rule), ("generic.dp4a", generic_rule)]
