"""What there is to tune: the distinct convolutions of a network on a target."""

import json
from dataclasses import dataclass, field

from relay_passes import pipeline
from schedules.generic.rule import GENERIC, GenericRule
from schedules.generic.strip import strip_workload
from schedules.registry import Rule
from schedules.workload import Convolution
from tvm_srq.errors import UserError
from tvm_srq.spec import QuantSpec
from tvm_srq.targets import Preset


@dataclass
class Task:
    """A workload of the generic kernel and the layers it serves.

    Attributes:
        workload: stripped of what the kernel does not depend on; the key in records.
        layers: names of the layers.
        uses: the layers' own workloads, each once: templates tell them apart.
        has_template: whether every layer would have a template without tuning.
    """

    workload: Convolution
    layers: list[str] = field(default_factory=list)
    uses: list[Convolution] = field(default_factory=list)
    has_template: bool = True

    def __str__(self) -> str:
        kind = f"{self.workload.kernel}x{self.workload.kernel} {self.workload.in_channels}->{self.workload.out_channels}"
        groups = f" groups {self.workload.groups}" if self.workload.groups > 1 else ""
        shuffle = f" shuffle {self.workload.shuffle}" if self.workload.shuffle > 1 else ""
        return f"{kind}{groups}{shuffle}, {len(self.layers)} layer{'s'[: len(self.layers) > 1]} ({self.layers[0]})"


def generic_rule(preset: Preset) -> GenericRule:
    """A target's generic rule.

    Raises:
        UserError: the target has none.
    """
    for _, rule in preset.rules:
        if isinstance(rule, GenericRule):
            return rule
    raise UserError(f"target {preset.name} has no schedule to tune; compile for it without tuning")


def templates(preset: Preset) -> list[tuple[str, Rule]]:
    """A target's other rules."""
    return [(name, rule) for name, rule in preset.rules if name != GENERIC]


def network_workloads(spec: QuantSpec, preset: Preset) -> list[tuple[str, Convolution, str]]:
    """(layer, workload, kernel without tuning) of a network, in order."""
    rows = json.loads(pipeline.lowered(spec, preset).attrs["srq.kernels"])
    return [(row["layer"], Convolution(**row["workload"]), row["kernel"]) for row in rows if row["workload"]]


def find_tasks(layers: list[tuple[str, Convolution, str]], all_layers: bool) -> list[Task]:
    """One task per distinct workload; those that templates serve only with ``all_layers``."""
    tasks: dict[Convolution, Task] = {}
    for layer, workload, kernel in layers:
        key = strip_workload(workload)
        task = tasks.setdefault(key, Task(key))
        task.layers.append(layer)
        if workload not in task.uses:
            task.uses.append(workload)
        task.has_template &= kernel != GENERIC
    return [task for task in tasks.values() if all_layers or not task.has_template]
