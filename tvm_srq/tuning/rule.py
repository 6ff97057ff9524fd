"""The rule ``tuned``: a recorded schedule, where there is one for the workload and no template was measured faster."""

from dataclasses import dataclass

from schedules.cpu.unit import DotUnit
from schedules.generic.kernel import COLUMNS, generic_kernel
from schedules.generic.strip import fingerprint, strip_workload
from schedules.registry import Rule, select
from schedules.workload import Convolution, Kernel
from tvm_srq.targets import Preset
from tvm_srq.tuning.records import Records, TaskRecord
from tvm_srq.tuning.tasks import generic_rule, templates
from tvm_srq.tuning.tuner import TUNED

MARGIN = 0.98
"""A tuned kernel must take less than this share of the template's time; closer is noise."""


@dataclass(frozen=True)
class TunedRule:
    """A registry Rule.

    Attributes:
        records: made for the target that is compiled for.
        unit: the target's vector unit.
        templates: the target's rules but for the generic one.
        prefer: take recorded schedules even where a template was measured faster.
    """

    records: Records
    unit: DotUnit
    templates: list[tuple[str, Rule]]
    prefer: bool = False

    def __call__(self, workload: Convolution) -> Kernel | str:
        record = self.records.tasks.get(strip_workload(workload))
        if record is None:
            return "not in the tuning records"
        if record.fingerprint != fingerprint(workload, self.unit, COLUMNS):
            return "recorded for another version of the generic kernel"
        if record.best is None:
            return "no recorded trial ran"
        faster = "" if self.prefer else self.faster_template(workload, record)
        if faster:
            return faster
        try:
            return generic_kernel(workload, self.unit, TUNED, record.best.tiling)
        except ValueError as error:
            return f"the recorded schedule does not fit: {error}"

    def faster_template(self, workload: Convolution, record: TaskRecord) -> str:
        """Why the template that takes the workload is better, or an empty string."""
        try:
            name = select(workload, self.templates).kernel.name
        except LookupError:
            return ""
        if name not in record.templates:
            return f"{name} was not measured beside it"
        template = record.templates[name]
        if record.fastest < MARGIN * template:
            return ""
        verdict = "is faster" if template <= record.fastest else f"is less than {1 - MARGIN:.0%} slower"
        return f"{name} {verdict}: {template * 1e3:.3f} ms against {record.fastest * 1e3:.3f} ms"


def tuned_rules(preset: Preset, records: Records, prefer: bool = False) -> list[tuple[str, Rule]]:
    """A target's rules with the recorded schedules first."""
    rule = TunedRule(records, generic_rule(preset).unit, templates(preset), prefer)
    return [("tuned", rule), *preset.rules]
