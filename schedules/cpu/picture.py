"""Storing the uint8 picture as codes with a halo of the padding colour: the first kernel of every network."""

from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import PrimFunc, Var

from schedules.workload import Layout


def store_picture(layout: Layout, halo: int) -> PrimFunc:
    """PrimFunc(picture (H, W, 3) uint8, padding (picture_channels,) storage, codes (H + 2 halo, W + 2 halo, channels)).

    A pixel p has m = p, in 0..255. Channels beyond the third hold the padding; their weights are zero. Of the halo only the
    columns are written.
    """
    storage, channels = layout.storage, layout.picture_channels
    offset = layout.bias - layout.shift(0, 255)
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        height, width = Var("height", "int64"), Var("width", "int64")
        picture = T.arg("picture", T.buffer((height, width, 3), "uint8", align=1))
        padding = T.arg("padding", T.buffer((channels,), storage))
        codes = T.arg("codes", T.buffer((height + 2 * halo, width + 2 * halo, channels), storage, align=channels))
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        with T.parallel(0, height) as row:
            for begin in (0, width + halo):
                with T.serial(0, halo) as column, T.serial(0, channels) as channel:
                    T.buffer_store(codes, padding[channel], [row + halo, begin + column, channel])
            with T.serial(0, width) as column:
                for channel in range(channels):
                    value = T.cast(picture[row, column, channel], "int32") + offset if channel < 3 else padding[channel]
                    T.buffer_store(codes, T.cast(value, storage), [row + halo, column + halo, channel])
    return builder.get()
