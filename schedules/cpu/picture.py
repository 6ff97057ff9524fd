"""Storing the uint8 picture as codes with a halo of the padding colour: the first kernel of every network."""

from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import PrimFunc, Var

from schedules.workload import Layout


def store_picture(layout: Layout, halo: int, colours: int = 3) -> PrimFunc:
    """PrimFunc(picture (H, W, colours) uint8, padding (picture_channels,) storage, codes (H + 2 halo, W + 2 halo, channels)).

    A pixel p has m = p, in 0..255. Channels beyond the colours hold the padding; their weights are zero. Of the halo only the
    columns are written.

    Raises:
        ValueError: a stored picture has no room for the colours.
    """
    if colours > layout.picture_channels:
        raise ValueError(f"{colours} colours; a stored picture has {layout.picture_channels}")
    storage, channels = layout.storage, layout.picture_channels
    offset = layout.bias - layout.shift(0, 255)
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        height, width = Var("height", "int64"), Var("width", "int64")
        picture = T.arg("picture", T.buffer((height, width, colours), "uint8", align=1))
        padding = T.arg("padding", T.buffer((channels,), storage))
        codes = T.arg("codes", T.buffer((height + 2 * halo, width + 2 * halo, channels), storage, align=channels))
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        with T.parallel(0, height) as row:
            for begin in (0, width + halo):
                with T.serial(0, halo) as column, T.serial(0, channels) as channel:
                    T.buffer_store(codes, padding[channel], [row + halo, begin + column, channel])
            with T.serial(0, width) as column:
                for channel in range(channels):
                    inside = channel < colours
                    value = T.cast(picture[row, column, channel], "int32") + offset if inside else padding[channel]
                    T.buffer_store(codes, T.cast(value, storage), [row + halo, column + halo, channel])
    return builder.get()
