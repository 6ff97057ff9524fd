"""Tables: of at most 64 stored codes, in registers where a processor looks up vectors; of more values, in memory."""

import numpy as np
from numpy.typing import NDArray
from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer

from schedules.cpu.unit import TABLE_ENTRIES
from schedules.steps.lanes import Lanes
from schedules.workload import Layout
from schedules.x86.units import vnni_lookup


def has_avx512(layout: Layout, device: str) -> bool:
    """uint8 storage is that of x86 with AVX-512 alone."""
    return device == "cpu" and layout.storage == "uint8"


def is_arm(layout: Layout, device: str) -> bool:
    """int8 storage is that of ARM alone among CPUs."""
    return device == "cpu" and layout.storage == "int8"


def pack_levels(layout: Layout, device: str, levels: NDArray) -> NDArray:
    """(64,) levels as ``look_up`` wants them."""
    table = np.pad(levels, (0, TABLE_ENTRIES - len(levels)))
    return table.astype(np.int32) if has_avx512(layout, device) else table


def look_up(lanes: Lanes, layout: Layout, levels: Buffer, index: Expr) -> Expr:
    """Entries of the table at int32 indices."""
    index = T.bind(index)
    if lanes.count == 16 and has_avx512(layout, lanes.device):
        return vnni_lookup(levels, index)
    if lanes.count == 16 and is_arm(layout, lanes.device):
        table = [levels[T.ramp(16 * i, 1, 16)] for i in range(4)]
        return T.call_llvm_pure_intrin("int8x16", "llvm.aarch64.neon.tbl4.v16i8", *table, T.cast(index, "int8x16"))
    return levels[index & lanes.integer(TABLE_ENTRIES - 1)]  # inside, whatever the constants of a file


def pack_table(layout: Layout, device: str, table: NDArray) -> NDArray:
    """A table of int16 as ``gather`` wants it."""
    return table.astype(np.int32) if has_avx512(layout, device) else table


def gather(lanes: Lanes, layout: Layout, table: Buffer, index: Expr) -> Expr:
    """Entries of a table in memory at int32 indices; AVX-512 loads 16 at a time in half the time of single loads."""
    if lanes.count != 16 or not has_avx512(layout, lanes.device):
        return table[index]
    zero, every = T.broadcast(T.int32(0), 16), T.broadcast(T.bool(True), 16)
    return T.call_llvm_pure_intrin(
        "int32x16", "llvm.x86.avx512.mask.gather.dpi.512", zero, T.address_of(table[0]), index, every, T.int32(4)
    )
