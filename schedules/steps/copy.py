"""Runs of channels copied side by side, in vectors (CPUs)."""

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import NDArray
from tvm.tirx import PrimFunc

from schedules.steps.frame import Place, build, zero_channels
from schedules.steps.lanes import Lanes, pieces
from schedules.steps.levels import has_avx512
from schedules.steps.maps import Maps
from tvm_srq.steps import Step


@dataclass(frozen=True)
class Run:
    """``count`` channels of a source from ``first`` on; scaled by the ratio of that number, unless it is None."""

    source: int
    first: int
    count: int
    ratio: int | None = None


def copy_runs(step: Step, maps: Maps, runs: list[Run], constants: Sequence[NDArray] = ()) -> PrimFunc:
    """The PrimFunc that writes runs one behind the other; the only constant, if any, are ratios, float32."""

    def body(place: Place) -> None:
        done = 0
        for run in runs:
            for begin, width in pieces(run.count):
                lanes = Lanes(width, "cpu", has_avx512(maps.layout, "cpu"))
                value = place.load(run.source, place.row, place.column, lanes.channels(run.first + begin))
                if run.ratio is not None:
                    ratio = lanes.spread(place.constants[0][run.ratio])
                    value = lanes.cast(lanes.rescale(lanes.cast(value, "int32"), ratio), maps.output.dtype)
                place.store(value, lanes.channels(done + begin))
            done += run.count
        zero_channels(place, done)

    return build(step, maps, list(constants), body)
