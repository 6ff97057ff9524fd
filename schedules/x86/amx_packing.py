"""What the tile kernel reads: steps along the taps and input channels, weights by step, the epilogue's constants."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schedules.cpu.epilogue import write_each
from schedules.cpu.packing import channel_order, direct_constants, spread, stored_channels, stored_ratio, stored_weights
from schedules.cpu.unit import DotUnit, WriteVectors
from schedules.workload import Constants, Convolution
from schedules.x86.amx_tiles import BYTES, GROUP, LANES, Block
from schedules.x86.packed import packed_constants, packed_order, unpackable, write_packed
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


@dataclass(frozen=True)
class Epilogue:
    """How sums are written: see ``schedules.cpu.winograd_unit.WinogradUnit``, which has the same."""

    write: WriteVectors
    order: Callable[[int], NDArray[np.int64]]
    constants: Callable[[Convolution, DotUnit, Constants], list[NDArray]]
    levels_dtype: str


PACKED = Epilogue(write_packed, packed_order, packed_constants, "uint8")
EACH = Epilogue(write_each, np.arange, direct_constants, "int32")


def epilogue_of(workload: Convolution) -> Epilogue:
    return EACH if workload.writes_picture or unpackable(workload) else PACKED


def depth_and_span(workload: Convolution) -> tuple[int, int]:
    """Bytes that a product takes, and bytes that lie together and are taken in such parts.

    They are those of the pixels under a row of the kernel, or of one pixel where others of its channels are not read.
    """
    channels = stored_channels(workload, VNNI)
    together = workload.kernel * channels if workload.source_channels(VNNI.layout) == channels else channels
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
    """Four tiles of sums where there are output channels for it: then every tile that is loaded takes part in two products."""
    vectors = len(channel_order(workload, VNNI)) // LANES
    depth = depth_and_span(workload)[0]
    beside = 2 if vectors % 2 == 0 else 1
    return Block(4 // beside if beside == 2 else 3, beside, depth)


def pack_amx(workload: Convolution, constants: Constants) -> list[NDArray]:
    """weight, start, positive, negative, ratio, bounds, levels, padding: see ``schedules.cpu.parameters.Parameters``."""
    order, epilogue = channel_order(workload, VNNI), epilogue_of(workload)
    order = order[epilogue.order(len(order))]
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
