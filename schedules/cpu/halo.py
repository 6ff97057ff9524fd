"""The border of a code feature map: every task writes the part beside its own rows, so no pass over the map is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Var

from schedules.cpu.unit import DotUnit
from schedules.workload import Convolution

if TYPE_CHECKING:
    from schedules.cpu.direct import Parameters


def fill_halo(
    workload: Convolution, unit: DotUnit, buffers: Parameters, row: Var, height: Expr, width: Expr
) -> None:
    """Fill left and right of the output rows made from input row ``row``; the first and last tasks fill above and below."""
    halo, factor = workload.out_halo, workload.shuffle
    vectors = unit.layout.padded(workload.out_channels // factor**2) // unit.lanes

    def fill(first: Expr, count: int, begin: Expr, extent: Expr) -> None:
        with T.serial(0, count) as y, T.serial(0, extent) as x, T.serial(0, vectors) as vector:
            at = [first + y, begin + x, T.ramp(vector * unit.lanes, 1, unit.lanes)]
            T.buffer_store(buffers.codes, T.broadcast(buffers.padding[0], unit.lanes), at)

    fill(row * factor + halo, factor, 0, halo)
    fill(row * factor + halo, factor, width * factor + halo, halo)
    with T.If(row == 0), T.Then():
        fill(0, halo, 0, width * factor + 2 * halo)
    with T.If(row == height - 1), T.Then():
        fill(height * factor + halo, halo, 0, width * factor + 2 * halo)
