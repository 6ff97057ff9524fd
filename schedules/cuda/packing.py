"""Layer constants -> the arrays a CUDA kernel reads: channels padded and permuted, weights in the order of shared memory."""

import numpy as np
from numpy.typing import NDArray

from schedules.cpu.packing import code_bounds, stored_weights
from schedules.cuda.tile import LAYOUT, TABLE_ENTRIES, Tile, packed_outputs
from schedules.workload import Constants, Convolution


def channel_order(workload: Convolution, outputs: int) -> NDArray[np.int64]:
    """Packed output channel -> logical output channel, -1 for padding; ``outputs`` long.

    Behind a pixel shuffle the channels of each (dy, dx) lie together, padded to the layout's block, so that a thread's
    channels go to one pixel. The picture is written channel by channel and keeps the logical order.
    """
    channels, positions = workload.out_channels, workload.shuffle**2
    order = np.full(outputs, -1)
    if workload.writes_picture:
        order[:channels] = np.arange(channels)
        return order
    per_pixel = channels // positions
    order.reshape(positions, -1)[:, :per_pixel] = np.arange(channels).reshape(per_pixel, positions).T
    return order


def stored_channels(workload: Convolution) -> int:
    """Channels of the input in memory that a kernel reads."""
    return workload.read_channels(LAYOUT)


def features(workload: Convolution) -> int:
    """Channels of the output feature map in memory."""
    return LAYOUT.padded(workload.features)


def pack(workload: Convolution, tile: Tile, constants: Constants) -> list[NDArray]:
    """weight, start, positive, negative, ratio, bounds, levels, padding, zeros: see ``schedules.cuda.parameters.Parameters``.

    Raises:
        ValueError: more levels than a table has entries.
    """
    order = channel_order(workload, packed_outputs(workload, tile.channels))
    weight = stored_weights(workload, order, stored_channels(workload), constants)
    return [tile_weights(weight, tile), *pack_rest(workload, order, weight, constants)]


def pack_rest(workload: Convolution, order: NDArray[np.int64], weight: NDArray[np.int64], constants: Constants) -> list[NDArray]:
    """Everything but the weights, whose stored form, (O, I, k, k) in packed order, corrects ``start``.

    Raises:
        ValueError: more levels than a table has entries.
    """
    real = order >= 0
    shift = LAYOUT.shift(constants.in_low, constants.in_high)
    start = np.where(real, constants.start[order], 0).astype(np.int64)
    # stored = m - shift, so the sum over stored values lacks shift * sum(weight)
    start += shift * weight.sum((1, 2, 3))
    padding = np.zeros(stored_channels(workload), np.int64)
    padding[constants.stored_inputs(len(constants.padding))] = constants.padding
    levels = constants.levels if len(constants.levels) else np.zeros(1, np.int16)
    out_shift = LAYOUT.shift(*constants.out_range)
    high = constants.low + len(levels) - 1
    return [
        start.astype(np.int32), spread(constants.positive, order), spread(constants.negative, order),
        stored_ratio(workload, constants),
        code_bounds(workload, constants.low, high, -out_shift), stored_levels(workload, levels, out_shift),
        LAYOUT.store(padding, shift), LAYOUT.store(constants.outside(features(workload)), out_shift),
    ]  # fmt: skip


def spread(values: NDArray[np.float32], order: NDArray[np.int64]) -> NDArray[np.float32]:
    return np.where(order >= 0, values[order], 0).astype(np.float32)


def stored_ratio(workload: Convolution, constants: Constants) -> NDArray[np.float32]:
    """(features,) float32: one value per channel of the output feature map, 0 in padding."""
    ratio = np.zeros(features(workload), np.float32)
    ratio[: len(constants.ratio)] = constants.ratio
    return ratio


def stored_levels(workload: Convolution, levels: NDArray[np.int16], shift: int) -> NDArray[np.int8]:
    """Stored form of every level, (TABLE_ENTRIES,); zeros where the kernel looks nothing up."""
    if workload.codes != "table":
        return np.zeros(TABLE_ENTRIES, np.int8)
    if len(levels) > TABLE_ENTRIES:
        raise ValueError(f"{len(levels)} levels; a table has {TABLE_ENTRIES} entries")
    return LAYOUT.store(np.pad(levels, (0, TABLE_ENTRIES - len(levels)), mode="edge"), shift)


def tile_weights(weight: NDArray[np.int64], tile: Tile) -> NDArray[np.int32]:
    """(O, I, y, x) -> (blocks, steps, words): per step x, y, output channel, input channels, four to a word."""
    outputs, inputs, kernel, _ = weight.shape
    step = 4 * tile.words
    split = weight.reshape(outputs // tile.block_channels, tile.block_channels, inputs // step, step, kernel, kernel)
    ordered = np.ascontiguousarray(split.transpose(0, 2, 5, 4, 1, 3), np.int8)
    return ordered.view(np.int32).reshape(ordered.shape[0], ordered.shape[1], -1)
