"""Constants of the F(4x4, 3x3) Winograd kernels, in the order they read them."""

import numpy as np
from numpy.typing import NDArray

from schedules.cpu.packing import channel_order, dense_weights, spread, stored_ratio
from schedules.cpu.winograd4_transforms import POSITIONS, transform_weights
from schedules.cpu.winograd4_unit import Shape, Winograd4Unit
from schedules.workload import Constants, Convolution


def pack_winograd4(workload: Convolution, winograd: Winograd4Unit, constants: Constants) -> list[NDArray]:
    """weight, start, positive, negative, ratio, bounds, levels, padding: see ``schedules.cpu.parameters.Parameters``."""
    unit = winograd.unit
    order = channel_order(workload, unit)
    shape = winograd.shape(workload)
    permutation = winograd.order(len(order), shape.vectors * shape.lanes)
    order, weight = order[permutation], dense_weights(workload, unit, constants)[permutation]
    # the input transform takes the bias off stored codes, so only the shift is left to make up for
    shift = unit.layout.shift(constants.in_low, constants.in_high)
    start = np.where(order >= 0, constants.start[order].astype(np.int64), 0) + shift * weight.sum((1, 2, 3))
    positive, negative = (spread(values, order) for values in (constants.positive, constants.negative))
    return [
        tile_weights(weight, shape, winograd.interleaved), start.astype(np.int32), positive, negative,
        stored_ratio(workload, unit, constants.ratio), *winograd.epilogue_constants(workload, unit, constants),
    ]  # fmt: skip


def tile_weights(weight: NDArray[np.int64], shape: Shape, interleaved: bool) -> NDArray[np.int16]:
    """(O, I, 3, 3) -> (O / block, 36, I / 2, vectors, 2 channels x lanes, or lanes x 2 channels if ``interleaved``)."""
    transformed = transform_weights(weight)
    assert np.abs(transformed).max(initial=0) < 2**15
    split = transformed.reshape(POSITIONS, shape.blocks, shape.vectors, shape.lanes, shape.inputs // 2, 2)
    tiled = np.ascontiguousarray(split.transpose(1, 0, 4, 2, *((3, 5) if interleaved else (5, 3))))
    return tiled.reshape(*tiled.shape[:4], 2 * shape.lanes).astype(np.int16)
