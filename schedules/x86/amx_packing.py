"""What the tile kernel reads: steps along the taps and input channels, weights by step, the epilogue's constants."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schedules.cpu.packing import channel_order, spread, stored_channels, stored_ratio, stored_weights
from schedules.workload import Constants, Convolution
from schedules.x86.amx_epilogue import PICTURE_ROWS, epilogue_of
from schedules.x86.amx_tiles import BYTES, GROUP, LANES, Block
from schedules.x86.units import VNNI


@dataclass(frozen=True)
class Step:
    """Bytes of every pixel's surroundings that one product takes: from tap (row, column) and channel on.

    Attributes:
        new: the first of them that no step before took; the weights of the others are zero.
    """

    row: int
    column: int
    channel: int
    new: int


def depth_and_span(workload: Convolution) -> tuple[int, int]:
    """Bytes that a product takes, and bytes that lie together and are taken in such parts.

    Those of the pixels under a row of the kernel, where all their channels are read and that takes fewer products than one
    pixel after the other: a product takes its time however few bytes it is given, and bytes across two cache lines take longer.
    """
    channels, kernel = stored_channels(workload, VNNI), workload.kernel
    fewer = -(-kernel * channels // BYTES) < kernel * -(-channels // BYTES)
    together = kernel * channels if fewer and workload.source_channels(VNNI.layout) == channels else channels
    return min(together, BYTES), together


def steps_of(workload: Convolution) -> list[Step]:
    """All steps of a sum, in the order of their weights."""
    channels, (depth, together) = stored_channels(workload, VNNI), depth_and_span(workload)
    steps = []
    for row in range(workload.kernel):
        for tap in range(0, workload.kernel, together // channels):
            for begin in range(0, together, depth):
                first = min(begin, together - depth)
                steps.append(Step(row, tap + first // channels, first % channels, begin - first))
    return steps


def block_of(workload: Convolution) -> Block:
    """Four tiles of sums where there are output channels for it: then every tile that is loaded takes part in two products.

    Three else, for with fewer a product would wait for the one before it in the same sums.
    """
    vectors = vectors_of(workload)
    down, beside = next((down, beside) for down, beside in ((2, 2), (1, 3), (3, 1)) if vectors % beside == 0)
    return Block(down, beside, depth_and_span(workload)[0])


def vectors_of(workload: Convolution) -> int:
    """Vectors of output channels that lie together: a block's go to one pixel."""
    if workload.writes_picture:
        return workload.shuffle if epilogue_of(workload) is PICTURE_ROWS else len(channel_order(workload, VNNI)) // LANES
    return VNNI.layout.padded(workload.features) // LANES


def pack_amx(workload: Convolution, constants: Constants) -> list[NDArray]:
    """weight, start, positive, negative, ratio, bounds, levels, padding: see ``schedules.cpu.parameters.Parameters``."""
    epilogue = epilogue_of(workload)
    order = epilogue.order(workload, block_of(workload).vectors)
    weight = stored_weights(workload, order, stored_channels(workload, VNNI), constants)
    shift = VNNI.layout.shift(constants.in_low, constants.in_high)
    start = np.where(order >= 0, constants.start[order].astype(np.int64), 0)
    start -= (VNNI.layout.bias - shift) * weight.sum((1, 2, 3))  # as in schedules.cpu.packing.pack_rest
    positive, negative = (spread(values, order) for values in (constants.positive, constants.negative))
    return [
        tile_weights(workload, weight), start.astype(np.int32), positive, negative,
        stored_ratio(workload, VNNI, constants.ratio), *epilogue.constants(workload, VNNI, constants),
    ]  # fmt: skip


def tile_weights(workload: Convolution, weight: NDArray[np.int64]) -> NDArray[np.int8]:
    """(O, I, k, k) -> (groups of a block's channels, steps, vectors, depth / 4, 64)."""
    block, (outputs, channels, kernel, _) = block_of(workload), weight.shape
    by_bytes = weight.transpose(0, 2, 3, 1).reshape(outputs, kernel, kernel * channels)
    parts = []
    for step in steps_of(workload):
        first = step.column * channels + step.channel
        part = by_bytes[:, step.row, first : first + block.depth].copy()
        part[:, : step.new] = 0
        parts.append(part)
    shape = (outputs // (block.vectors * LANES), block.vectors, LANES, len(parts), block.depth // GROUP, GROUP)
    tiled = np.stack(parts, 1).reshape(shape).transpose(0, 3, 1, 4, 2, 5)
    return np.ascontiguousarray(tiled).reshape(*tiled.shape[:4], BYTES).astype(np.int8)
