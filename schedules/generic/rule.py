"""The rule of the generic kernel: it takes every stride-1 convolution, so it stands last."""

from dataclasses import dataclass

from schedules.cpu.unit import DotUnit
from schedules.generic.kernel import generic_kernel
from schedules.workload import Convolution, Kernel

GENERIC = "generic"


@dataclass(frozen=True)
class GenericRule:
    """A registry Rule that shows the vector unit it builds for, which tuning needs."""

    unit: DotUnit

    def __call__(self, workload: Convolution) -> Kernel | str:
        if workload.in_channels % workload.groups or workload.out_channels % workload.groups:
            return f"{workload.groups} groups do not divide the channels"
        return generic_kernel(workload, self.unit, GENERIC)
