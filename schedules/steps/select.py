"""Some channels of a stream: copied in vectors where a few runs of them make up the output, else one by one."""

import numpy as np
from tvm.tirx import PrimFunc

from schedules.steps.copy import Run, copy_runs
from schedules.steps.gather import gather
from schedules.steps.maps import Maps
from tvm_srq.steps import Select

SHORTEST = 8  # channels of a run, on average, that are worth copying as such


def build_select(step: Select, maps: Maps) -> tuple[PrimFunc, list]:
    """Constants: none, or the channels, (channels,) int32."""
    runs = runs_of(step.channels)
    if maps.device == "cpu" and len(step.channels) >= SHORTEST * len(runs):
        return copy_runs(step, maps, runs), []
    constants = [np.array(step.channels, np.int32)]
    function = gather(
        step, maps, constants, lambda place, channel: place.load(0, place.row, place.column, place.constants[0][channel])
    )
    return function, constants


def runs_of(channels: tuple[int, ...]) -> list[Run]:
    """Consecutive channels together."""
    runs: list[Run] = []
    for channel in channels:
        if runs and channel == runs[-1].first + runs[-1].count:
            runs[-1] = Run(0, runs[-1].first, runs[-1].count + 1)
        else:
            runs.append(Run(0, channel, 1))
    return runs
