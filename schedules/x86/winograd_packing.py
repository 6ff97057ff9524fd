"""Constants of the Winograd kernel: transformed weights, accumulator starts, multipliers, in the order it reads them."""

import numpy as np
from numpy.typing import NDArray

from schedules.cpu.packing import channel_order, stored_channels, stored_ratio
from schedules.workload import Constants, Convolution
from schedules.x86.packed import packed_constants, packed_order
from schedules.x86.units import VNNI

VECTORS, STAGES = 2, 2
DOUBLED_G = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])  # twice Lavin and Gray's G: integers


def packed_outputs(workload: Convolution) -> int:
    """Output channels with padding."""
    return len(channel_order(workload, VNNI))


def block_channels(workload: Convolution) -> int:
    """Output channels computed and written together: 64, or 32 where they do not divide."""
    return 64 if VNNI.layout.padded(workload.out_channels // workload.shuffle**2) % 64 == 0 else 32


def transform_weights(weight: NDArray) -> NDArray[np.int64]:
    """(O, I, 3, 3) -> (2G) w (2G)^T, (4, 4, O, I): four times the real transform, exact."""
    return np.einsum("ia,ocab,jb->ijoc", DOUBLED_G, np.asarray(weight, np.int64), DOUBLED_G)


def pack_winograd(workload: Convolution, constants: Constants) -> list[NDArray]:
    """weight, start, positive, negative, ratio, bounds, levels, padding: see ``schedules.x86.winograd``."""
    order = channel_order(workload, VNNI)
    order = order[packed_order(len(order))]
    real = order >= 0
    weight = np.zeros((len(order), stored_channels(workload, VNNI), 3, 3), np.int64)
    weight[real, : workload.in_channels] = constants.weight[order[real]]
    start = np.where(real, constants.start[order].astype(np.int64), 0)
    transformed = transform_weights(weight)
    assert np.abs(transformed).max() <= 127
    # the sums are four times the direct convolution's, so a quarter of each multiplier goes with them, exactly
    multipliers = [(np.where(real, m[order], 0) / 4).astype(np.float32) for m in (constants.positive, constants.negative)]
    return [
        tile_weights(transformed, workload), starts(transformed, start, workload), *multipliers,
        stored_ratio(workload, VNNI, constants.ratio), *packed_constants(workload, VNNI.layout, constants),
    ]  # fmt: skip


def tile_weights(transformed: NDArray, workload: Convolution) -> NDArray[np.int8]:
    """(4, 4, O, I) -> (O / block, parts, column, stage, I / 4, row of the stage, vectors, 16 channels x 4 inputs)."""
    signed = transformed.copy()
    signed[3] *= -1  # D = M1 - M2 - M3
    _, _, outputs, inputs = signed.shape
    block = block_channels(workload)
    rows = signed[[1, 2, 0, 3]].reshape(STAGES, 2, 4, outputs // block, block // (16 * VECTORS), VECTORS, 16, inputs // 4, 4)
    tiled = rows.transpose(3, 4, 2, 0, 7, 1, 5, 6, 8)
    return np.ascontiguousarray(tiled).reshape(*tiled.shape[:7], 64).astype(np.int8)


def starts(transformed: NDArray, start: NDArray, workload: Convolution) -> NDArray[np.int32]:
    """Accumulator starts: four times the layer's, less what the 128 in every transformed input adds.

    The sums S and D are made from two accumulators a and b as a + b and a - b, so a = (S + D) / 2 and b = (S - D) / 2.
    """
    excess = 128 * transformed.sum(3)  # (4, 4, O): row, column
    sum_start = -(excess[0] + excess[1] + excess[2])
    difference_start = -(excess[1] - excess[2] - excess[3])
    # column 1 has coefficient 1 in both output columns: m0 + m1 + m2 and m1 - m2 - m3
    sum_start[1] += 4 * start
    difference_start[1] += 4 * start
    both = np.stack([(sum_start + difference_start) // 2, (sum_start - difference_start) // 2])  # (2, column, O)
    block = block_channels(workload)
    shaped = both.reshape(2, 4, -1, block // (16 * VECTORS), 16 * VECTORS).transpose(2, 3, 1, 0, 4)
    return np.ascontiguousarray(shaped).astype(np.int32)
