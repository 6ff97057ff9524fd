"""Layout, tile sizes and packed constants of the CUDA kernels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schedules.workload import Constants, Convolution, Layout

LAYOUT = Layout("int8", 0, 16, 4, False)
OUTPUTS = 8  # output channels of one thread
THREADS, COLUMNS = 128, 16
TABLE_ENTRIES = 64


@dataclass(frozen=True)
class Tile:
    """What a block of threads works on: rows x columns pixels, ``block`` output channels, ``words`` of input at a time.

    ``pixels`` are those of one thread, ``inputs`` the channels in memory, ``outputs`` the packed output channels.
    """

    pixels: int
    rows: int
    columns: int
    block: int
    words: int
    inputs: int
    outputs: int


def output_order(workload: Convolution) -> NDArray[np.int64]:
    """Packed output channel -> logical one, -1 for padding: the channels of each pixel-shuffle position together."""
    channels, positions = workload.out_channels, workload.shuffle**2
    if workload.writes_picture:
        return np.pad(np.arange(channels), (0, -channels % OUTPUTS), constant_values=-1)
    per_pixel = channels // positions
    order = np.full((positions, LAYOUT.padded(per_pixel)), -1)
    order[:, :per_pixel] = np.arange(channels).reshape(per_pixel, positions).T
    return order.reshape(-1)


def tile_of(workload: Convolution) -> Tile:
    inputs = LAYOUT.picture_channels if workload.reads_picture else LAYOUT.padded(workload.in_channels)
    outputs = len(output_order(workload))
    block = next(size for size in (32, 16, 8) if outputs % size == 0)
    pixels = 4 if block > OUTPUTS else 2  # with few channels a block takes many pixels; more would not fit the registers
    rows = THREADS // (block // OUTPUTS) * pixels // COLUMNS
    return Tile(pixels, rows, COLUMNS, block, min(inputs // 4, 4), inputs, outputs)


def pack(workload: Convolution, constants: Constants) -> list[NDArray]:
    """weight, start, positive, negative, ratio, bounds, levels, outside: see ``schedules.cuda.direct.Parameters``."""
    tile, order, kernel = tile_of(workload), output_order(workload), workload.kernel
    real = order >= 0
    weight = np.zeros((tile.outputs, tile.inputs, kernel, kernel), np.int64)
    weight[real, : workload.in_channels] = constants.weight[order[real]]
    shift = LAYOUT.shift(constants.in_low, constants.in_high)
    # stored = m - shift, so the sum over stored values lacks shift * sum(weight)
    start = np.where(real, constants.start[order], 0) + shift * weight.sum((1, 2, 3))
    positive, negative = (np.where(real, m[order], 0).astype(np.float32) for m in (constants.positive, constants.negative))
    features = LAYOUT.padded(workload.out_channels // workload.shuffle**2)
    ratio = np.pad(constants.ratio, (0, features - len(constants.ratio))).astype(np.float32)
    levels, low = constants.levels, constants.low
    out_shift = LAYOUT.shift(int(levels.min()), int(levels.max())) if len(levels) else 0
    table = np.zeros(TABLE_ENTRIES, np.int64)
    if workload.codes == "table":
        table[: len(levels)] = levels.astype(np.int64) - out_shift
    outside = np.zeros(tile.inputs, np.int64)
    outside[: workload.in_channels] = constants.padding
    return [
        tile_weights(weight, tile), start.astype(np.int32), positive, negative, ratio,
        np.array([low, low + max(len(levels), 1) - 1, -out_shift], np.int32), table.astype(np.int8),
        LAYOUT.store(outside, shift),
    ]  # fmt: skip


def tile_weights(weight: NDArray[np.int64], tile: Tile) -> NDArray[np.int8]:
    """(O, I, k, k) -> (O / block, chunks, k, k, words, block * 4)."""
    outputs, inputs, kernel, _ = weight.shape
    shape = (outputs // tile.block, tile.block, inputs // (4 * tile.words), tile.words, 4, kernel, kernel)
    tiled = np.ascontiguousarray(weight.reshape(shape).transpose(0, 2, 5, 6, 3, 1, 4))
    return tiled.reshape(*tiled.shape[:5], -1).astype(np.int8)
