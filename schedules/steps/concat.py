"""Streams side by side."""

from functools import reduce
from itertools import accumulate

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import PrimFunc

from schedules.steps.copy import Run, copy_runs
from schedules.steps.frame import Place
from schedules.steps.gather import gather
from schedules.steps.lanes import Lanes
from schedules.steps.maps import Maps
from tvm_srq.steps import Concat


def build_concat(step: Concat, maps: Maps) -> tuple[PrimFunc, list]:
    """Constants: the ratios, (inputs,) float32, if there are any."""
    counts = list(step.counts) or [source.channels for source in maps.sources]
    firsts, constants = list(step.firsts) or [0] * len(counts), [step.ratios] if len(step.ratios) else []
    ratios = [number if constants and step.ratios[number] != 1 else None for number in range(len(counts))]
    if maps.device == "cpu":
        runs = [Run(number, *part) for number, part in enumerate(zip(firsts, counts, ratios, strict=True))]
        return copy_runs(step, maps, runs, constants), constants
    begins, lanes = [0, *accumulate(counts)][:-1], Lanes(1, maps.device)

    def value(place: Place, number: int, channel: Expr) -> Expr:
        loaded = T.cast(place.load(number, place.row, place.column, channel), "int32")
        return loaded if ratios[number] is None else lanes.rescaled(loaded, place.constants[0][number])

    def element(place: Place, channel: Expr) -> Expr:
        *others, last = [
            (begin + count, value(place, number, channel - begin + firsts[number]))
            for number, (begin, count) in enumerate(zip(begins, counts, strict=True))
        ]
        return reduce(lambda rest, one: T.if_then_else(channel < one[0], one[1], rest), reversed(others), last[1])

    return gather(step, maps, constants, element), constants
