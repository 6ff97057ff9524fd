"""Constants of the Winograd kernel: transformed weights, accumulator starts, multipliers, in the order it reads them."""

import numpy as np
from numpy.typing import NDArray

from schedules.cpu.packing import channel_order, stored_channels, stored_ratio, stored_weights
from schedules.cpu.winograd_unit import WinogradUnit
from schedules.workload import Constants, Convolution
from tvm_srq.winograd_range import DOUBLED_G

STAGES = 2  # pairs of rows: 1 and 2 first, then 0 and 3


def transform_weights(weight: NDArray) -> NDArray[np.int64]:
    """(O, I, 3, 3) -> (2G) w (2G)^T, (4, 4, O, I): four times the real transform, exact."""
    return np.einsum("ia,ocab,jb->ijoc", DOUBLED_G, np.asarray(weight, np.int64), DOUBLED_G)


def pack_winograd(workload: Convolution, winograd: WinogradUnit, constants: Constants) -> list[NDArray]:
    """weight, start, positive, negative, ratio, bounds, levels, padding: see ``schedules.cpu.winograd``."""
    unit = winograd.unit
    order = channel_order(workload, unit)
    order = order[winograd.order(len(order), winograd.block(workload)[0])]
    real = order >= 0
    weight = stored_weights(workload, order, stored_channels(workload, unit), constants)
    start = np.where(real, constants.start[order].astype(np.int64), 0)
    transformed = transform_weights(weight)
    assert np.abs(transformed).max() <= winograd.transformed[1]
    # the sums are four times the direct convolution's, so a quarter of each multiplier goes with them, exactly
    multipliers = [(np.where(real, m[order], 0) / 4).astype(np.float32) for m in (constants.positive, constants.negative)]
    return [
        tile_weights(transformed, workload, winograd), starts(transformed, start, workload, winograd), *multipliers,
        stored_ratio(workload, unit, constants.ratio), *winograd.epilogue_constants(workload, unit, constants),
    ]  # fmt: skip


def tile_weights(transformed: NDArray, workload: Convolution, winograd: WinogradUnit) -> NDArray:
    """(4, 4, O, I) -> (O / block, parts, column, stage, I / group, row of the stage, vectors, lanes * group)."""
    signed = transformed.copy()
    signed[3] *= -1  # D = M1 - M2 - M3
    _, _, outputs, inputs = signed.shape
    unit, (block, vectors) = winograd.unit, winograd.block(workload)
    shape = (outputs // block, block // (unit.lanes * vectors), vectors, unit.lanes, inputs // unit.group, unit.group)
    rows = signed[[1, 2, 0, 3]].reshape(STAGES, 2, 4, *shape)
    tiled = np.ascontiguousarray(rows.transpose(3, 4, 2, 0, 7, 1, 5, 6, 8))
    return tiled.reshape(*tiled.shape[:7], unit.lanes * unit.group).astype(unit.weight_dtype)


def starts(transformed: NDArray, start: NDArray, workload: Convolution, winograd: WinogradUnit) -> NDArray[np.int32]:
    """Accumulator starts: four times the layer's, less what an offset in every transformed input adds.

    The sums S and D are made from two accumulators a and b as a + b and a - b, so a = (S + D) / 2 and b = (S - D) / 2.
    """
    excess = winograd.unit.layout.bias * transformed.sum(3)  # (4, 4, O): row, column
    sum_start = -(excess[0] + excess[1] + excess[2])
    difference_start = -(excess[1] - excess[2] - excess[3])
    # column 1 has coefficient 1 in both output columns: m0 + m1 + m2 and m1 - m2 - m3
    sum_start[1] += 4 * start
    difference_start[1] += 4 * start
    both = np.stack([(sum_start + difference_start) // 2, (sum_start - difference_start) // 2])  # (2, column, O)
    block, vectors = winograd.block(workload)
    width = winograd.unit.lanes * vectors
    shaped = both.reshape(2, 4, -1, block // width, width).transpose(2, 3, 1, 0, 4)
    return np.ascontiguousarray(shaped).astype(np.int32)
