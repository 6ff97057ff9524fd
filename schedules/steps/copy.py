"""Runs of channels copied side by side, in vectors (CPUs)."""

from dataclasses import dataclass

from tvm.tirx import PrimFunc

from schedules.steps.frame import Place, build, zero_channels
from schedules.steps.lanes import Lanes, pieces
from schedules.steps.maps import Maps
from tvm_srq.steps import Step


@dataclass(frozen=True)
class Run:
    """``count`` channels of a source from ``first`` on."""

    source: int
    first: int
    count: int


def copy_runs(step: Step, maps: Maps, runs: list[Run]) -> PrimFunc:
    """The PrimFunc that writes runs one behind the other."""

    def body(place: Place) -> None:
        done = 0
        for run in runs:
            for begin, width in pieces(run.count):
                lanes = Lanes(width, "cpu")
                value = place.load(run.source, place.row, place.column, lanes.channels(run.first + begin))
                place.store(value, lanes.channels(done + begin))
            done += run.count
        zero_channels(place, done)

    return build(step, maps, [], body)
