"""Storing the uint8 picture as codes with a halo of the padding colour: the first kernel of every network."""

from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import PrimFunc, Var

from schedules.workload import Layout


def store_picture(layout: Layout, halo: int) -> PrimFunc:
    """PrimFunc(picture (H, W, 3) uint8, padding (picture_channels,) storage, codes (H + 2 halo, W + 2 halo, channels)).

    A pixel p has m = p, in 0..255. Channels beyond the third hold the padding; their weights are zero.
    """
    storage, channels = layout.storage, layout.picture_channels
    offset = layout.bias - layout.shift(0, 255)
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        height, width = Var("height", "int64"), Var("width", "int64")
        picture = T.arg("picture", T.buffer((height, width, 3), "uint8"))
        padding = T.arg("padding", T.buffer((channels,), storage))
        codes = T.arg("codes", T.buffer((height + 2 * halo, width + 2 * halo, channels), storage))
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        with T.parallel(0, height + 2 * halo) as row:
            with T.serial(0, width + 2 * halo) as column, T.serial(0, channels) as channel:
                T.buffer_store(codes, padding[channel], [row, column, channel])
            with T.If(T.And(row >= halo, row < height + halo)), T.Then():
                with T.serial(0, width) as column, T.serial(0, 3) as channel:
                    value = T.cast(picture[row - halo, column, channel], "int32") + offset
                    T.buffer_store(codes, T.cast(value, storage), [row, column + halo, channel])
    return builder.get()
