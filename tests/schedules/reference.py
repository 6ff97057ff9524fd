"""docs/numerics.md executed in numpy for one convolution, and the memory images that kernels read and write."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schedules.workload import Constants, Convolution, Layout

LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Result:
    """Decoded values: stream (H, W, C) int16, codes (H, W, C) int16, picture (H, W, 3) uint8; None where not written."""

    stream: NDArray[np.int16] | None = None
    codes: NDArray[np.int16] | None = None
    picture: NDArray[np.uint8] | None = None


def accumulate(values: NDArray, workload: Convolution, constants: Constants) -> NDArray[np.int32]:
    """(H, W, O) accumulators of (H, W, I) decoded values."""
    reach = workload.kernel // 2
    height, width, _ = values.shape
    padded = np.empty((height + 2 * reach, width + 2 * reach, values.shape[2]), np.int64)
    padded[:] = constants.padding
    padded[reach : reach + height, reach : reach + width] = values
    total = np.zeros((height, width, workload.out_channels), np.int64) + constants.start
    inputs, outputs = workload.in_channels // workload.groups, workload.out_channels // workload.groups
    for down in range(workload.kernel):
        for right in range(workload.kernel):
            window = padded[down : down + height, right : right + width].astype(np.float64)
            for group in range(workload.groups):
                made = slice(group * outputs, (group + 1) * outputs)
                weight = constants.weight[made, :, down, right].T.astype(np.float64)
                total[..., made] += (window[..., group * inputs : (group + 1) * inputs] @ weight).astype(np.int64)
    assert np.abs(total).max() <= LARGEST
    return total.astype(np.int32)


def shuffle(values: NDArray, factor: int) -> NDArray:
    """(H, W, C * r * r) -> (H * r, W * r, C), channels in PyTorch's order."""
    height, width, channels = values.shape
    split = values.reshape(height, width, channels // factor**2, factor, factor)
    return split.transpose(0, 3, 1, 4, 2).reshape(height * factor, width * factor, -1)


def convolve(values: NDArray, skip: NDArray | None, workload: Convolution, constants: Constants) -> Result:
    """One convolution of (H, W, I) decoded values with its epilogue; the skip is (H * r, W * r, C) int16."""
    accumulator = accumulate(values, workload, constants)
    multiplier = constants.positive
    if workload.bent:
        multiplier = np.where(accumulator >= 0, constants.positive, constants.negative)
    scaled = shuffle(accumulator.astype(np.float32) * multiplier, workload.shuffle)
    assert scaled.dtype == np.float32
    if workload.writes_picture:
        return Result(picture=np.rint(np.clip(scaled, 0, 255)).astype(np.uint8))
    stream = None
    if workload.from_stream:
        total = np.rint(np.clip(scaled, -32768, 32767)).astype(np.int64)
        stream = np.clip(total if skip is None else total + skip, -32768, 32767).astype(np.int16)
        scaled = stream.astype(np.float32) * constants.ratio
    codes = None
    if workload.codes != "none":
        zero = constants.outside(scaled.shape[2])
        high = constants.low + len(constants.levels) - 1
        fine = np.rint(np.clip(scaled.astype(np.float64), constants.low - zero, high - zero)).astype(np.int64)
        codes = constants.levels[fine + zero - constants.low]
    return Result(stream if workload.writes_stream else None, codes)


def codes_image(
    values: NDArray, channels: int, outside: NDArray | int, halo: int, layout: Layout, low: int, high: int
) -> NDArray:
    """Decoded (H, W, C) values as stored codes with halo and padded channels (which hold ``outside`` everywhere)."""
    height, width, count = values.shape
    image = np.zeros((height + 2 * halo, width + 2 * halo, channels), np.int64)
    image[..., :count] = outside
    image[halo : halo + height, halo : halo + width, :count] = values
    return layout.store(image, layout.shift(low, high))


def stream_image(values: NDArray, layout: Layout) -> NDArray[np.int16]:
    """(H, W, C) int16 with padded channels."""
    missing = layout.padded(values.shape[2]) - values.shape[2]
    return np.pad(values, ((0, 0), (0, 0), (0, missing))).astype(np.int16)
