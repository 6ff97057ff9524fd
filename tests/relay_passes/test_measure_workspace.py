"""The workspace of kernels: the sum of a kernel's buffers in whole cache lines, the most of all kernels."""

import tvm
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Var

from relay_passes.measure_workspace import measure_workspace


def kernel(name: str, *shapes: tuple) -> tvm.tirx.PrimFunc:
    """A kernel with an int16 buffer of each shape, alive in a parallel loop."""
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name(name)
        count = Var("count", "int64")
        result = T.arg("result", T.buffer((count,), "int16"))
        with T.parallel(0, count) as index:
            buffers = [T.alloc_buffer(tuple(count if n is None else n for n in shape), "int16") for shape in shapes]
            for buffer in buffers:
                T.buffer_store(buffer, T.int16(1), [0] * len(buffer.shape))
            T.buffer_store(result, buffers[0][(0,) * len(buffers[0].shape)], [index])
    return builder.get().with_attr("global_symbol", name)


def test_it_is_the_largest_kernel_s():
    small, large = kernel("small", (3,)), kernel("large", (100, 10), (33,))
    assert measure_workspace(tvm.IRModule({"small": small})) == 64
    assert measure_workspace(tvm.IRModule({"small": small, "large": large})) == 2048 + 128


def test_buffers_of_unknown_size_do_not_count():
    assert measure_workspace(tvm.IRModule({"both": kernel("both", (None,), (3,))})) == 64


def test_without_kernels_there_is_none():
    assert measure_workspace(tvm.IRModule()) == 0
