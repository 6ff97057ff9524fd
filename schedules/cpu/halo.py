"""The border columns of a code feature map, written beside the rows they belong to: no pass over the map is needed."""

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Var

from schedules.cpu.parameters import Parameters
from schedules.cpu.unit import DotUnit
from schedules.workload import Convolution


def fill_halo_columns(workload: Convolution, unit: DotUnit, buffers: Parameters, row: Var | Expr, width: Expr) -> None:
    """Fill left and right of the output rows made from input row ``row``."""
    halo, factor = workload.out_halo, workload.shuffle
    vectors = unit.layout.padded(workload.features) // unit.lanes
    for begin in (0, width * factor + halo):
        with T.serial(0, factor) as y, T.serial(0, halo) as x, T.serial(0, vectors) as vector:
            channels, place = (T.ramp(vector * unit.lanes + first, 1, unit.lanes) for first in (0, workload.out_offset))
            T.buffer_store(buffers.codes, buffers.padding[channels], [row * factor + halo + y, begin + x, place])
