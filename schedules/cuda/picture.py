"""Storing the uint8 picture as int8 codes with a fourth channel, one thread a pixel."""

from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import PrimFunc, Var

from schedules.workload import Layout

THREADS = 128


def store_picture(layout: Layout, halo: int) -> PrimFunc:
    """PrimFunc(picture (H, W, 3) uint8, padding (picture_channels,) storage, codes (H, W, channels)).

    A pixel p has m = p, in 0..255. Channels beyond the third hold the padding; their weights are zero.
    """
    assert halo == 0, "the kernels of this target check bounds"
    channels, offset = layout.picture_channels, layout.bias - layout.shift(0, 255)
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        height, width = Var("height", "int64"), Var("width", "int64")
        picture = T.arg("picture", T.buffer((height, width, 3), "uint8"))
        padding = T.arg("padding", T.buffer((channels,), layout.storage))
        codes = T.arg("codes", T.buffer((height, width, channels), layout.storage))
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        with T.launch_thread("blockIdx.x", T.ceildiv(width, THREADS)) as block:
            with T.launch_thread("blockIdx.y", height) as row, T.launch_thread("threadIdx.x", THREADS) as thread:
                column = T.bind(T.cast(block * THREADS + thread, "int32"))
                with T.If(column < width), T.Then():
                    for channel in range(channels):
                        at = [row, column, channel]
                        value = padding[channel] if channel >= 3 else T.cast(picture[at], "int32") + offset
                        T.buffer_store(codes, T.cast(value, layout.storage), at)
    return builder.get()
