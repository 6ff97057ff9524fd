"""Direct convolution on CUDA's int8 tensor cores: an implicit matrix product, all taps from one staged tile of the input."""

from functools import partial

from tvm.ir import Expr
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer, PrimFunc, Var

from schedules.cuda.column_sums import clear, write_sums_of_columns
from schedules.cuda.grid import MIN_BLOCKS
from schedules.cuda.instructions import await_copies, close_copy_group, forget, hold, load_matrices, multiply
from schedules.cuda.parameters import declare_parameters
from schedules.cuda.persistent import Tiles, tile_loop
from schedules.cuda.staging import copy_inputs, copy_weights, store_constants
from schedules.cuda.tensor_epilogue import HALF, load_start, prefetch_skip, write_fragments
from schedules.cuda.tensor_packing import lane_words, pack_tensor
from schedules.cuda.tensor_tile import (
    COPY_BYTES,
    FRAGMENT_DEPTH,
    FRAGMENT_PIXELS,
    STEP_TAPS,
    WORD_BYTES,
    ColumnTile,
    Device,
    Position,
    TensorTile,
    choose_tensor_tile,
)
from schedules.cuda.tile import WARP
from schedules.registry import Rule
from schedules.workload import Convolution, Kernel


def tensor_rule(device: Device) -> Rule:
    """The registry rule for a GPU. Grouped convolutions are left to others: as dense ones they waste tensor cores."""
    return partial(rule, device)


def rule(device: Device, workload: Convolution) -> Kernel | str:
    if workload.groups > 1:
        return "it is grouped"
    tile = choose_tensor_tile(workload, device)
    if tile is None:
        return f"a {workload.kernel}x{workload.kernel} kernel's weights and pixels exceed shared memory"
    return tensor_kernel(workload, tile, device)


def tensor_kernel(workload: Convolution, tile: TensorTile, device: Device) -> Kernel:
    function = tensor_convolution(workload, tile, tile.resident(device))
    return Kernel("direct.mma", function, lambda constants: pack_tensor(workload, tile, constants))


def tensor_convolution(workload: Convolution, tile: TensorTile, resident: int) -> PrimFunc:
    """Build the PrimFunc; ``resident`` blocks a multiprocessor are launched, and each works off its share of the tiles."""
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        height, width = Var("rows", "int64"), Var("columns", "int64")
        shape = (tile.blocks, tile.weight_bytes // 4)
        outputs = tile.constant_channels * tile.blocks
        buffers = declare_parameters(workload, outputs, shape, height, width)
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        tiles = Tiles(tile.block_rows, tile.block_columns, height, width, resident, tile.blocks)
        with (
            T.launch_thread("blockIdx.y", tile.blocks) as block,
            T.launch_thread("blockIdx.x", tiles.blocks) as first,
            T.launch_thread("threadIdx.y", tile.warps) as warp,
            T.launch_thread("threadIdx.x", WARP) as lane,
            T.attr(0, MIN_BLOCKS, resident),
        ):
            position = place_thread(tile, warp, lane, block)
            memory = T.alloc_buffer((tile.shared_bytes,), "int8", scope="shared.dyn")
            copy_weights(tile, buffers, memory, position)
            store_constants(workload, tile, buffers, memory, position)
            copy_inputs(tile, buffers, memory, position, 0, *tiles.origin(first))
            close_copy_group()
            with tile_loop(tiles, first, tile.input_bytes) as (begin, row, column, following):
                await_copies()
                T.evaluate(T.tvm_storage_sync("shared"))  # the tile is there, and nobody reads the other one any more
                with T.If(following.exists), T.Then():
                    other = tile.input_bytes - begin
                    copy_inputs(tile, buffers, memory, position, other, following.row, following.column)
                    close_copy_group()
                prefetch_skip(workload, tile, buffers, position, row, column)
                sums = T.alloc_buffer((tile.rows, tile.fragments, 4), "int32", scope="local")
                if isinstance(tile, ColumnTile):
                    clear(sums)
                    multiply_features(tile, memory, position, begin, sums)
                    write_sums_of_columns(workload, tile, buffers, memory, position, begin, row, column, sums)
                else:
                    load_start(tile, memory, position, sums)
                    multiply_tile = multiply_picture if workload.reads_picture else multiply_features
                    multiply_tile(tile, memory, position, begin, sums)
                    write_fragments(workload, tile, buffers, memory, position, row, column, sums)
    return builder.get()


def place_thread(tile: TensorTile, warp: Var, lane: Var, block: Var) -> Position:
    pixels = warp // tile.channel_warps
    return Position(
        lane, warp * WARP + lane, warp % tile.channel_warps, pixels // tile.column_warps * tile.rows,
        pixels % tile.column_warps * FRAGMENT_PIXELS, block,
    )  # fmt: skip


def multiply_features(tile: TensorTile, memory: Buffer, position: Position, begin: Expr, sums: Buffer) -> None:
    """All products of a warp. Lane i names pixel i % 16 of a fragment, and of its 32 channels the first or last 16."""
    pixel = position.rows * tile.input_columns + position.columns + position.lane % FRAGMENT_PIXELS
    source = hold(begin + pixel * tile.pitch + position.lane // FRAGMENT_PIXELS * 16, COPY_BYTES)
    weights = first_weights(tile, position)
    left = T.alloc_buffer((4,), "int32", scope="local")
    right = T.alloc_buffer((tile.taps, 2 * tile.fragments), "int32", scope="local")
    # meant to stay a loop, so that what follows is not moved between the products and takes no registers there; ptxas unrolls it
    columns, groups = forget(tile.kernel_columns), tile.kernel // tile.taps
    with T.serial(0, columns) as x, T.unroll(0, tile.steps) as step, T.unroll(0, groups) as y_group:
        tap = (x * tile.steps + step) * tile.kernel + y_group * tile.taps
        for y in range(tile.taps):
            load_weights(tile, memory, weights, tap + y, right, y)
        for row in range(tile.rows + tile.taps - 1):
            input_row = row + y_group * tile.taps
            at = source + (input_row * tile.input_columns + x) * tile.pitch + step * FRAGMENT_DEPTH
            load_matrices(left, T.address_of(memory[at]))
            for y in range(tile.taps):
                if 0 <= row - y < tile.rows:
                    for fragment in range(tile.fragments):
                        multiply(sums, (row - y, fragment), left, words_of(right, y, fragment))


def first_weights(tile: TensorTile, position: Position) -> Expr:
    """Where the lane's weights begin in shared memory."""
    per_warp, size = 2 * tile.fragments * WARP * 4, 4 * lane_words(tile)
    return hold(tile.weight_begin + position.group * per_warp + position.lane * size, size)


def load_weights(tile: TensorTile, memory: Buffer, first: Expr, number: Expr, right: Buffer, slot: int) -> None:
    """The lane's fragments of the right matrix that has a ``number``, all of its warp's channels, to a row of registers."""
    words = lane_words(tile)
    begin = first + number * (tile.channel_warps * 2 * tile.fragments * WARP * 4)
    for unit in range(2 * tile.fragments // words):
        loaded = memory[T.ramp(begin + unit * WARP * 4 * words, 1, 4 * words)]
        T.buffer_store(right, T.reinterpret(f"int32x{words}", loaded), [slot, T.ramp(unit * words, 1, words)])


def words_of(right: Buffer, slot: int, fragment: int) -> list[Expr]:
    """The lane's two words of a fragment of the right matrix."""
    return [right[slot, 2 * fragment + half] for half in range(2)]


def multiply_picture(tile: TensorTile, memory: Buffer, position: Position, begin: Expr, sums: Buffer) -> None:
    """The same where a pixel is a word: lane 4 * pixel + t picks taps t and 4 + t of every eight."""
    lane, kernel = forget(position.lane), tile.kernel  # so that the taps' places are not kept from tile to tile
    pixel = position.rows * tile.input_columns + position.columns + T.truncdiv(lane, 4)
    source = hold(begin + pixel * WORD_BYTES, WORD_BYTES)
    weights = first_weights(tile, position)
    left = T.alloc_buffer((4,), "int32", scope="local")
    right = T.alloc_buffer((1, 2 * tile.fragments), "int32", scope="local")
    with T.serial(0, forget(tile.steps)) as step:
        load_weights(tile, memory, weights, step, right, 0)
        taps = [hold(T.min(step * STEP_TAPS + half * 4 + T.truncmod(lane, 4), kernel**2 - 1)) for half in range(2)]
        offsets = [
            hold(source + (T.truncdiv(tap, kernel) * tile.input_columns + T.truncmod(tap, kernel)) * WORD_BYTES, WORD_BYTES)
            for tap in taps
        ]
        for row in range(tile.rows):
            for part in range(4):
                right_half, later_taps = part % 2, part // 2
                at = offsets[later_taps] + (row * tile.input_columns + right_half * HALF) * WORD_BYTES
                T.buffer_store(left, T.reinterpret("int32", memory[T.ramp(at, 1, WORD_BYTES)]), [part])
            for fragment in range(tile.fragments):
                multiply(sums, (row, fragment), left, words_of(right, 0, fragment))
