"""Kernel selection: the first rule of a target that accepts a workload wins; the others say why not."""

from collections.abc import Callable
from dataclasses import dataclass

from schedules.workload import Convolution, Kernel

Rule = Callable[[Convolution], "Kernel | str"]
"""A workload -> a kernel, or one clause saying why the rule does not apply."""


@dataclass(frozen=True)
class Selection:
    """The chosen kernel, and (rule, reason) of the better ones that did not apply."""

    kernel: Kernel
    rejected: tuple[tuple[str, str], ...]


def select(workload: Convolution, rules: list[tuple[str, Rule]]) -> Selection:
    """Try rules, best first.

    Raises:
        LookupError: no rule accepts the workload; the message is every rule's reason.
    """
    rejected: list[tuple[str, str]] = []
    for name, rule in rules:
        result = rule(workload)
        if isinstance(result, Kernel):
            return Selection(result, tuple(rejected))
        rejected.append((name, result))
    raise LookupError("; ".join(f"{name}: {why}" for name, why in rejected))
