"""Random numbers for one convolution, to run its kernels on: weights, multipliers, and feature maps of any size."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schedules.workload import Constants, Convolution, Kernel, Layout

LEVELS = np.arange(-31, 32, dtype=np.int16)


def sample_constants(workload: Convolution, seed: int = 0) -> Constants:
    """Constants whose results spread over the whole output range, with some clipping at both ends."""
    random = np.random.default_rng(seed)
    inputs, outputs = workload.in_channels // workload.groups, workload.out_channels
    low, high = input_range(workload)
    magnitude = min(workload.weight_magnitude, workload.largest_transformed_weight // 9)
    weight = random.integers(-magnitude, magnitude + 1, (outputs, inputs, workload.kernel, workload.kernel))
    deviation = np.sqrt(inputs) * workload.kernel * magnitude * (high - low) / 6
    start = random.integers(-1, 2, outputs) * int(deviation)
    reach = 255 if workload.writes_picture else 3000 if workload.from_stream else 31
    positive = (reach / deviation * random.uniform(0.4, 0.9, outputs)).astype(np.float32)
    negative = (positive * np.float32(0.2) if workload.bent else positive).astype(np.float32)
    padding = random.integers(0, 256, inputs) if workload.reads_picture else np.zeros(inputs * workload.groups)
    levels = {"none": LEVELS[:0], "uniform": LEVELS, "table": LEVELS // 4 * 4}[workload.codes]
    ratio = np.full(workload.features if workload.from_stream else 0, 0.01, np.float32)
    zero_point = random.integers(-31, 32, workload.features if workload.zero_points else 0).astype(np.int16)
    count = workload.in_channels if workload.in_span else 0
    in_order = np.linspace(0, max(workload.in_span - 1, 0), count).astype(np.int64)  # gaps anywhere
    return Constants(weight.astype(np.int8), start.astype(np.int32), positive, negative, low, high,
                     padding.astype(np.int16), -31 if len(levels) else 0, levels, ratio, zero_point, in_order)
    # fmt: skip


def input_range(workload: Convolution) -> tuple[int, int]:
    """Smallest and largest decoded value of the input."""
    return (0, 255) if workload.reads_picture else (-min(workload.in_magnitude, 128), min(workload.in_magnitude, 127))


@dataclass(frozen=True)
class Sample:
    """Decoded inputs of a convolution.

    Attributes:
        values: (H, W, I) int16.
        skip: (H * r, W * r, O / r**2) int16, or None.
    """

    values: NDArray[np.int16]
    skip: NDArray[np.int16] | None


def sample_inputs(workload: Convolution, height: int, width: int, seed: int = 0) -> Sample:
    """Random inputs of a size in pixels."""
    random = np.random.default_rng(seed)
    low, high = input_range(workload)
    factor = workload.shuffle
    values = random.integers(low, high + 1, (height, width, workload.in_channels)).astype(np.int16)
    shape = (height * factor, width * factor, workload.features)
    skip = random.integers(-5000, 5000, shape).astype(np.int16) if workload.adds_skip else None
    return Sample(values, skip)


def kernel_arguments(
    kernel: Kernel, workload: Convolution, layout: Layout, constants: Constants, sample: Sample
) -> tuple[list[NDArray], list[NDArray]]:
    """(inputs, outputs) of a kernel's PrimFunc, in order; outputs are zero, but for a stream that is summed in place."""
    height, width, _ = sample.values.shape
    inputs = [source_image(workload, layout, constants, sample.values), *kernel.pack(constants)]
    factor = workload.shuffle
    rows, columns = height * factor, width * factor
    features = layout.padded(workload.features)
    stream = np.zeros((rows, columns, features), np.int16)
    if sample.skip is not None:
        stream[..., : sample.skip.shape[2]] = sample.skip
    if workload.adds_skip and not workload.in_place:
        inputs.append(stream)
    outputs: list[NDArray] = []
    if workload.writes_stream:
        outputs.append(stream.copy())
    if workload.codes != "none":
        halo = 2 * workload.out_halo
        outputs.append(np.zeros((rows + halo, columns + halo, workload.code_channels(layout)), layout.storage))
    if workload.writes_picture:
        outputs.append(np.zeros((rows, columns, workload.features), np.uint8))
    return inputs, outputs


def source_image(workload: Convolution, layout: Layout, constants: Constants, values: NDArray[np.int16]) -> NDArray:
    """Decoded values as they lie in memory, with halo and padded channels; zeros in channels that are not the kernel's."""
    height, width, _ = values.shape
    halo, stored = workload.in_halo, constants.stored_inputs(workload.in_channels)
    image = np.zeros((height + 2 * halo, width + 2 * halo, workload.source_channels(layout)), np.int64)
    image[..., stored] = constants.padding
    image[halo : halo + height, halo : halo + width, stored] = values
    return layout.store(image, layout.shift(constants.in_low, constants.in_high))
