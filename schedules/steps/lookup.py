"""A function of one stream value by its table."""

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer, PrimFunc

from schedules.steps.elementwise import elementwise
from schedules.steps.lanes import Lanes
from schedules.steps.maps import Maps
from tvm_srq.steps import Lookup


def build_lookup(step: Lookup, maps: Maps) -> tuple[PrimFunc, list]:
    """Constants: the table, (4096,) int16."""
    half = len(step.table) // 2

    def element(lanes: Lanes, values: list[Expr], constants: list[Buffer], channel: Expr) -> Expr:
        nearest = (values[0] + lanes.integer(8)) >> lanes.integer(4)
        entry = T.bind(T.min(nearest, lanes.integer(half - 1)) + lanes.integer(half))
        return constants[0][entry]

    return elementwise(step, maps, [step.table], element), [step.table]
