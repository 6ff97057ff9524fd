"""The peak kernel of AMX: four tiles of sums, whose operands are loaded from the first-level cache for every two products."""

from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import PrimFunc, Var

from schedules.x86 import amx_tiles as tiles
from schedules.x86.amx_tiles import BYTES, LANES, ROWS, Block

BLOCK = Block(down=2, vectors=2, depth=BYTES)
PIXELS = BLOCK.down * ROWS


def tile_peak() -> PrimFunc:
    """As ``tvm_srq.benchmark.peak.peak_kernel``: its weights, the same for every step, are a tile whose rows are all equal."""
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        tasks, repeats = Var("tasks", "int64"), Var("repeats", "int64")
        source = T.arg("source", T.buffer((PIXELS, BYTES), "uint8"))
        weight = T.arg("weight", T.buffer((BLOCK.vectors, BYTES), "int8"))
        T.arg("count", T.buffer((repeats,), "uint8"))
        result = T.arg("result", T.buffer((tasks, PIXELS, BLOCK.vectors, LANES), "int32"))
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        with T.parallel(0, tasks) as task:
            tiles.configure(BLOCK, T.int64(ROWS))
            sums = [(row, vector) for row in range(BLOCK.down) for vector in range(BLOCK.vectors)]
            for row, vector in sums:
                tiles.clear(BLOCK.sums(row, vector))
            with T.serial(0, repeats):
                for row in range(BLOCK.down):
                    tiles.load(BLOCK.codes(row), source[row * ROWS, 0], BYTES)
                for vector in range(BLOCK.vectors):
                    tiles.load(BLOCK.weights(vector), weight[vector, 0], 0)
                for row, vector in sums:
                    tiles.multiply(BLOCK.sums(row, vector), BLOCK.codes(row), BLOCK.weights(vector))
            for row, vector in sums:
                tiles.store(BLOCK.sums(row, vector), result[task, row * ROWS, vector, 0], 4 * LANES * BLOCK.vectors)
            tiles.release()
    return builder.get()
