"""Storing the uint8 picture as int8 codes of four channels: the first CUDA kernel of every network."""

from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import PrimFunc, Var

from schedules.workload import Layout

COLUMNS, ROWS = 32, 8


def store_picture(layout: Layout, halo: int, colours: int = 3) -> PrimFunc:
    """PrimFunc(picture (H, W, colours) uint8, padding (4,) int8, codes (H, W, 4) int8): a thread per pixel.

    Channels beyond the colours hold the padding; their weights are zero. ``halo`` is 0: convolutions check bounds themselves.

    Raises:
        ValueError: there is a halo, or a stored picture has no room for the colours.
    """
    if halo:
        raise ValueError("CUDA feature maps have no halo")
    if colours > layout.picture_channels:
        raise ValueError(f"{colours} colours; a stored picture has {layout.picture_channels}")
    offset, channels = layout.bias - layout.shift(0, 255), layout.picture_channels
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        height, width = Var("height", "int64"), Var("width", "int64")
        picture = T.arg("picture", T.buffer((height, width, colours), "uint8"))
        padding = T.arg("padding", T.buffer((channels,), layout.storage))
        codes = T.arg("codes", T.buffer((height, width, channels), layout.storage))
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        with (
            T.launch_thread("blockIdx.y", (height + ROWS - 1) // ROWS) as tile_row,
            T.launch_thread("blockIdx.x", (width + COLUMNS - 1) // COLUMNS) as tile_column,
            T.launch_thread("threadIdx.y", ROWS) as thread_row,
            T.launch_thread("threadIdx.x", COLUMNS) as thread_column,
        ):
            row, column = tile_row * ROWS + thread_row, tile_column * COLUMNS + thread_column
            pixel = T.alloc_buffer((channels,), layout.storage, scope="local")
            with T.If(T.And(row < height, column < width)), T.Then():
                for channel in range(colours):
                    value = T.cast(picture[row, column, channel], "int32") + offset
                    T.buffer_store(pixel, T.cast(value, layout.storage), [channel])
                for channel in range(colours, channels):
                    T.buffer_store(pixel, padding[channel], [channel])
                every = T.ramp(0, 1, channels)
                T.buffer_store(codes, pixel[every], [row, column, every])
    return builder.get()
