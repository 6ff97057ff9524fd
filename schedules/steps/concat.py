"""Streams side by side."""

from functools import reduce
from itertools import accumulate

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import PrimFunc

from schedules.steps.copy import Run, copy_runs
from schedules.steps.frame import Place
from schedules.steps.gather import gather
from schedules.steps.maps import Maps
from tvm_srq.steps import Concat


def build_concat(step: Concat, maps: Maps) -> tuple[PrimFunc, list]:
    counts = [source.channels for source in maps.sources]
    if maps.device == "cpu":
        return copy_runs(step, maps, [Run(number, 0, count) for number, count in enumerate(counts)]), []
    begins = [0, *accumulate(counts)][:-1]

    def element(place: Place, channel: Expr) -> Expr:
        *others, last = [
            (begin + count, place.load(number, place.row, place.column, channel - begin))
            for number, (begin, count) in enumerate(zip(begins, counts, strict=True))
        ]
        return reduce(lambda rest, one: T.if_then_else(channel < one[0], one[1], rest), reversed(others), last[1])

    return gather(step, maps, [], element), []
