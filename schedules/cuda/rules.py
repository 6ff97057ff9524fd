"""Kernels of the CUDA targets, best first."""

from schedules.cuda.direct import direct_rule
from schedules.cuda.generic import generic_rule
from schedules.cuda.tensor import tensor_rule
from schedules.cuda.tensor_tile import SM80, SM86, SM90, Device
from schedules.registry import Rule

DP4A_RULES: list[tuple[str, Rule]] = [("direct.dp4a", direct_rule), ("generic.dp4a", generic_rule)]


def tensor_rules(device: Device) -> list[tuple[str, Rule]]:
    """For GPUs since compute capability 8.0."""
    return [("direct.mma", tensor_rule(device)), *DP4A_RULES]


SM80_RULES, SM86_RULES, SM90_RULES = (tensor_rules(device) for device in (SM80, SM86, SM90))
