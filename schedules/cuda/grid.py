"""The grid of a CUDA convolution: tiles of pixels x blocks of output channels, a register tile of accumulators a thread."""

from collections.abc import Callable

from tvm.ir import Expr
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer, PrimFunc, Var

from schedules.cuda.epilogue import write_results
from schedules.cuda.parameters import Parameters, declare_parameters, weight_shape
from schedules.cuda.tile import WARP, Place, Tile, packed_outputs
from schedules.workload import Convolution

Accumulate = Callable[[Convolution, Tile, Parameters, Place, Buffer], None]
"""(workload, tile, buffers, place, sums): starts a thread's accumulators and adds its products to them."""

MIN_BLOCKS = "tirx.launch_bounds_min_blocks_per_sm"
"""What nvcc is told of how many blocks a multiprocessor is to hold; it bounds the registers of a thread."""


def resident_blocks(workload: Convolution, tile: Tile) -> int:
    """So many that 128 registers are left for a thread: ptxas left to itself takes 80 and spills. Large kernels and those
    that shuffle the picture spill with 128 too."""
    return 1 if workload.kernel > 9 or (workload.writes_picture and workload.shuffle > 1) else 512 // tile.threads


def tiled_convolution(workload: Convolution, tile: Tile, accumulate: Accumulate) -> PrimFunc:
    """Build the PrimFunc; ``accumulate`` makes every thread's accumulators, (tile.pixels, tile.channels) int32."""
    outputs = packed_outputs(workload, tile.channels)
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        height, width = Var("rows", "int64"), Var("columns", "int64")
        buffers = declare_parameters(workload, outputs, weight_shape(workload, tile), height, width)
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        with (
            T.launch_thread("blockIdx.z", outputs // tile.block_channels) as block,
            T.launch_thread("blockIdx.y", (height + tile.rows - 1) // tile.rows) as tile_row,
            T.launch_thread("blockIdx.x", (width + tile.columns - 1) // tile.columns) as tile_column,
            T.launch_thread("threadIdx.y", tile.warps) as warp,
            T.launch_thread("threadIdx.x", WARP) as lane,
            T.attr(0, MIN_BLOCKS, resident_blocks(workload, tile)),
        ):
            place = Place(
                lane, warp % tile.channel_groups, warp // tile.channel_groups * tile.pixels, warp * WARP + lane,
                tile_row * tile.rows, tile_column * tile.columns, block,
            )  # fmt: skip
            sums = T.alloc_buffer((tile.pixels, tile.channels), "int32", scope="local")
            accumulate(workload, tile, buffers, place, sums)
            write_results(workload, tile, buffers, place, sums)
    return builder.get()


def start_sums(tile: Tile, buffers: Parameters, place: Place, sums: Buffer) -> None:
    """Every pixel's accumulators begin with the start values of the thread's channels."""
    with T.unroll(0, tile.channels) as channel:
        first = T.bind(buffers.start[(place.block * tile.channel_groups + place.group) * tile.channels + channel])
        for pixel in range(tile.pixels):
            T.buffer_store(sums, first, [pixel, channel])


def dot(activations: Expr, weights: Expr, total: Expr) -> Expr:
    """total + four int8 x int8 products."""
    return T.call_pure_extern("int32", "__dp4a", activations, weights, total)
