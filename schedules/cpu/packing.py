"""Layer constants -> the arrays a direct kernel reads: channels padded and permuted, weights in register-tile order."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from schedules.cpu.unit import TABLE_ENTRIES, DotUnit
from schedules.workload import Constants, Convolution

ChannelOrder = Callable[[int, int], NDArray[np.int64]]
"""(packed output channels, how many of them are written together) -> which of them each accumulator lane holds."""
EpilogueConstants = Callable[[Convolution, DotUnit, Constants], list[NDArray]]


def in_order(channels: int, block: int) -> NDArray[np.int64]:
    """The channel order of kernels that write lanes as they are."""
    return np.arange(channels)


def channel_order(workload: Convolution, unit: DotUnit) -> NDArray[np.int64]:
    """Packed output channel -> logical output channel, -1 for padding; a multiple of ``unit.lanes`` long.

    Behind a pixel shuffle the channels of each (dy, dx) lie together, padded to the layout's block, so that a vector
    goes to one pixel. The picture is written lane by lane and keeps the logical order.
    """
    channels, positions = workload.out_channels, workload.shuffle**2
    if workload.writes_picture:
        return np.pad(np.arange(channels), (0, -channels % unit.lanes), constant_values=-1)
    per_pixel = channels // positions
    order = np.full((positions, unit.layout.padded(per_pixel)), -1)
    order[:, :per_pixel] = np.arange(channels).reshape(per_pixel, positions).T
    return order.reshape(-1)


def stored_channels(workload: Convolution, unit: DotUnit) -> int:
    """Channels of the input in memory that a kernel reads."""
    return workload.read_channels(unit.layout)


def pack(
    workload: Convolution, unit: DotUnit, constants: Constants, order: ChannelOrder = in_order,
    epilogue: EpilogueConstants | None = None,
) -> list[NDArray]:  # fmt: skip
    """weight, start, positive, negative, ratio, bounds, levels, padding: see ``schedules.cpu.parameters.Parameters``.

    Args:
        order: of the output channels of a register tile. epilogue: bounds, levels and padding for what writes them.
    """
    logical = channel_order(workload, unit)
    lanes = logical[order(len(logical), unit.tile(len(logical) // unit.lanes)[1] * unit.lanes)]
    weight = stored_weights(workload, lanes, stored_channels(workload, unit), constants)
    rest = pack_rest(workload, unit, constants, weight, lanes)
    return [tile_weights(weight, unit), *rest, *(epilogue or direct_constants)(workload, unit, constants)]


def dense_weights(workload: Convolution, unit: DotUnit, constants: Constants) -> NDArray[np.int64]:
    """(O, I, k, k) in packed order and stored channels."""
    return stored_weights(workload, channel_order(workload, unit), stored_channels(workload, unit), constants)


def stored_weights(
    workload: Convolution, order: NDArray[np.int64], channels: int, constants: Constants
) -> NDArray[np.int64]:
    """(O, I, k, k) for output channels in ``order`` (-1: padding) and so many stored input channels.

    Zero for stored channels that are padding or none of the input, and where an output channel's group has no input channel.
    """
    inputs, outputs = workload.in_channels // workload.groups, workload.out_channels // workload.groups
    weight = np.zeros((len(order), channels, workload.kernel, workload.kernel), np.int64)
    stored = constants.stored_inputs(workload.in_channels)
    for packed, channel in enumerate(order):
        if channel >= 0:
            first = channel // outputs * inputs
            weight[packed, stored[first : first + inputs]] = constants.weight[channel]
    return weight


def pack_rest(
    workload: Convolution, unit: DotUnit, constants: Constants, weight: NDArray[np.int64], order: NDArray[np.int64]
) -> list[NDArray]:
    """start, positive, negative, ratio; the weights' dense form corrects ``start`` for the storage of the input."""
    real = order >= 0
    shift = unit.layout.shift(constants.in_low, constants.in_high)
    start = np.zeros(len(order), np.int64)
    # stored = m - shift + bias, so the sum over stored values exceeds the sum over m by (bias - shift) * sum(weight)
    start[real] = constants.start[order[real]]
    start -= (unit.layout.bias - shift) * weight.sum((1, 2, 3))
    positive, negative = (spread(values, order) for values in (constants.positive, constants.negative))
    return [
        start.astype(np.int32), positive, negative,
        stored_ratio(workload, unit, constants.ratio),
    ]  # fmt: skip


def direct_constants(workload: Convolution, unit: DotUnit, constants: Constants) -> list[NDArray]:
    """bounds, levels, padding: what the epilogue needs of the output codes."""
    low, high = constants.low, constants.low + max(len(constants.levels), 1) - 1
    shift = unit.layout.shift(*constants.out_range)
    outside = unit.layout.store(constants.outside(unit.layout.padded(workload.features)), shift)
    return [code_bounds(workload, low, high, unit.layout.bias - shift), stored_levels(constants.levels, unit, shift), outside]


def code_bounds(workload: Convolution, low: int, high: int, offset: int) -> NDArray[np.int32]:
    """(3,) or (5,) int32: ends of the fine indices, what is added to them for storage, ends of what is stored.

    With zero points the fine indices' ends differ by channel; then these are clipped to the widest of them first, and to the
    ends of what is stored once a zero point is added.
    """
    if not workload.zero_points:
        return np.array([low, high, offset], np.int32)
    return np.array([low - high, high - low, offset, low + offset, high + offset], np.int32)


def stored_ratio(workload: Convolution, unit: DotUnit, ratio: NDArray[np.float32]) -> NDArray[np.float32]:
    """(padded output channels,) float32."""
    return np.pad(ratio, (0, unit.layout.padded(workload.features) - len(ratio))).astype(np.float32)


def spread(values: NDArray[np.float32], order: NDArray[np.int64]) -> NDArray[np.float32]:
    return np.where(order >= 0, values[order], 0).astype(np.float32)


def stored_levels(levels: NDArray[np.int16], unit: DotUnit, shift: int) -> NDArray:
    """Stored form of every level, (TABLE_ENTRIES,); int32 where the unit looks up vectors, else the storage dtype."""
    if len(levels) == 0 or len(levels) > TABLE_ENTRIES:
        levels = np.zeros(1, np.int16)  # not a table: the kernel does not read it
    table = unit.layout.store(np.pad(levels, (0, TABLE_ENTRIES - len(levels)), mode="edge"), shift)
    return table.astype(np.int32) if unit.lookup else table


def tile_weights(weight: NDArray[np.int64], unit: DotUnit) -> NDArray:
    """(O, I, k, k) -> (O / block, k * k, I / group, vectors, lanes * group)."""
    outputs, inputs, kernel, _ = weight.shape
    _, vectors = unit.tile(outputs // unit.lanes)
    shape = (outputs // (unit.lanes * vectors), vectors, unit.lanes, inputs // unit.group, unit.group, kernel * kernel)
    tiled = weight.reshape(shape).transpose(0, 5, 3, 1, 2, 4)
    return np.ascontiguousarray(tiled).reshape(*tiled.shape[:4], -1).astype(unit.weight_dtype)
