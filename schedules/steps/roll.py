"""Rows and columns moved around."""

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import PrimFunc

from schedules.steps.elementwise import Reading, elementwise
from schedules.steps.frame import Place
from schedules.steps.maps import Maps
from tvm_srq.steps import Roll


def build_roll(step: Roll, maps: Maps) -> tuple[PrimFunc, list]:
    def position(place: Place) -> tuple[Expr, Expr]:
        rows, columns = place.extents[0]
        return T.floormod(place.row - step.rows_down, rows), T.floormod(place.column - step.columns_right, columns)

    return elementwise(step, maps, [], lambda lanes, values, *_: values[0], Reading(position)), []
