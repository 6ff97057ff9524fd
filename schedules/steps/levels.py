"""Tables of at most 64 stored codes: in registers where a processor looks up vectors, else in memory."""

import numpy as np
from numpy.typing import NDArray
from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer

from schedules.cpu.unit import TABLE_ENTRIES
from schedules.steps.lanes import Lanes
from schedules.workload import Layout
from schedules.x86.units import vnni_lookup


def in_registers(layout: Layout, device: str) -> bool:
    """uint8 storage is that of x86 with AVX-512 alone."""
    return device == "cpu" and layout.storage == "uint8"


def pack_levels(layout: Layout, device: str, levels: NDArray) -> NDArray:
    """(64,) levels as ``look_up`` wants them."""
    table = np.pad(levels, (0, TABLE_ENTRIES - len(levels)))
    return table.astype(np.int32) if in_registers(layout, device) else table


def look_up(lanes: Lanes, layout: Layout, levels: Buffer, index: Expr) -> Expr:
    """Entries of the table at int32 indices."""
    index = T.bind(index)
    if in_registers(layout, lanes.device) and lanes.count == 16:
        return vnni_lookup(levels, index)
    return levels[index]
