"""Layer constants -> the arrays that the tensor-core kernels read: weights in the order in which lanes hold them."""

import numpy as np
from numpy.typing import NDArray

from schedules.cpu.packing import stored_weights
from schedules.cuda.packing import channel_order, pack_rest
from schedules.cuda.tensor_tile import FRAGMENT_DEPTH, ColumnTile, TensorTile
from schedules.cuda.tile import LAYOUT
from schedules.workload import Constants, Convolution


def pack_tensor(workload: Convolution, tile: TensorTile, constants: Constants) -> list[NDArray]:
    """The arrays of ``schedules.cuda.parameters.Parameters``."""
    if isinstance(tile, ColumnTile):
        return pack_columns(workload, tile, constants)
    order = channel_order(workload, tile.outputs)
    weight = stored_weights(workload, order, workload.read_channels(LAYOUT), constants)
    if workload.reads_picture:
        taps = weight.transpose(0, 2, 3, 1).reshape(tile.outputs, -1, 1, 1)
        return [weight_fragments(taps, tile), *pack_rest(workload, order, weight, constants)]
    return [weight_fragments(weight, tile), *pack_rest(workload, order, weight, constants)]


def pack_columns(workload: Convolution, tile: ColumnTile, constants: Constants) -> list[NDArray]:
    """The same where the product's channels are a kernel's columns times the colours."""
    colours, kernel = tile.colours, tile.kernel
    order = channel_order(workload, colours)
    weight = stored_weights(workload, order, workload.read_channels(LAYOUT), constants)
    columns = weight.transpose(3, 0, 1, 2).reshape(kernel * colours, -1, kernel, 1)
    columns = np.pad(columns, ((0, tile.outputs - kernel * colours), (0, 0), (0, 0), (0, 0)))
    return [weight_fragments(columns, tile), *pack_rest(workload, order, weight, constants)]


def weight_fragments(weight: NDArray[np.int64], tile: TensorTile) -> NDArray[np.int32]:
    """(O, I, y, x) -> (blocks, words): per block x, step, y, warp, then four (or two) words of every lane, again until all
    of the warp's channels are there.

    Lane 4 * n + k of an mma holds two words of the right matrix: rows 4 * k to 4 * k + 3 of column n, and rows 16 + 4 * k
    to 16 + 4 * k + 3. Of the sums a lane 4 * m + t gets columns 2 * t and 2 * t + 1; the columns are permuted such that the
    columns of all its fragments are channels beside each other.
    """
    _, inputs, height, width = weight.shape
    depth, fragments = tile.steps * FRAGMENT_DEPTH, tile.fragments
    weight = np.pad(weight, ((0, 0), (0, depth - inputs), (0, 0), (0, 0))).astype(np.int8)
    # output channels: block, warp, thread t, fragment, 2; input channels: step, word of a lane, k, 4
    split = weight.reshape(tile.blocks, tile.channel_warps, 4, fragments, 2, tile.steps, 2, 4, 4, height, width)
    unit = lane_words(tile)
    # block, x, step, y, warp, fragment, word, (t, 2): column n, k, 4 bytes
    ordered = split.transpose(0, 10, 5, 9, 1, 3, 6, 2, 4, 7, 8)
    words = np.ascontiguousarray(ordered).view(np.int32).reshape(-1, 2 * fragments // unit, unit, 32)
    return np.ascontiguousarray(words.transpose(0, 1, 3, 2)).reshape(tile.blocks, -1)


def lane_words(tile: TensorTile) -> int:
    """Words of weights that a lane loads at once."""
    return 4 if tile.fragments % 2 == 0 else 2
