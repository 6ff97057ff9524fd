"""A function of one stream value by its table."""

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer

from schedules.steps.elementwise import Elements
from schedules.steps.lanes import Lanes
from schedules.steps.levels import gather, pack_table
from schedules.steps.maps import Maps
from tvm_srq.steps import Lookup


def lookup_elements(step: Lookup, maps: Maps) -> Elements:
    """Constants: the table, (4096,) int16, or int32 where 16 entries are loaded at a time."""
    half, constants = len(step.table) // 2, [pack_table(maps.layout, maps.device, step.table)]

    def element(lanes: Lanes, values: list[Expr], constants: list[Buffer], channel: Expr) -> Expr:
        nearest = (values[0] + lanes.integer(8)) >> lanes.integer(4)
        entry = T.bind(T.min(nearest, lanes.integer(half - 1)) + lanes.integer(half))
        return gather(lanes, maps.layout, constants[0], entry)

    return Elements(constants, element)
