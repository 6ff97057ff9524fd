"""Buffers of the CPU kernels that write through an epilogue, and how they are declared."""

from dataclasses import dataclass

import numpy as np
from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer

from schedules.cpu.unit import DotUnit
from schedules.workload import Convolution


@dataclass
class Parameters:
    """The kernel's buffers, in the order of the PrimFunc's parameters.

    Attributes:
        source: (H + 2 * in_halo, W + 2 * in_halo, channels) codes, of which the first channels are read.
        weight: (O / block, k * k, I / group, vectors, lanes * group).
        start: (O,) int32, O padded. positive, negative: (O,) float32.
        ratio: (channels,) float32. bounds: (3,) or (5,) int32, see ``packing.code_bounds``.
        levels: (TABLE_ENTRIES,) stored levels. padding: (channels,) the stored form of a real zero, for the output's halo.
        skip, stream: (H * r, W * r, channels) int16. codes: with halo, those of the whole map where they are a slice of one.
        picture: (H * r, W * r, colours) uint8.
    """

    source: Buffer
    weight: Buffer
    start: Buffer
    positive: Buffer
    negative: Buffer
    ratio: Buffer
    bounds: Buffer
    levels: Buffer
    padding: Buffer
    skip: Buffer | None = None
    stream: Buffer | None = None
    codes: Buffer | None = None
    picture: Buffer | None = None


def declare_parameters(
    workload: Convolution, unit: DotUnit, extent: tuple[Expr | int, Expr | int], outputs: int, weight: tuple, start: tuple,
    levels: tuple[int, str], weight_dtype: str | None = None, **options: int,
) -> Parameters:  # fmt: skip
    """Parameters of a kernel that writes through an epilogue; shapes of ``weight`` and ``start``, size and type of ``levels``.

    ``weight_dtype`` if the kernel multiplies others than the unit does; ``options`` go to the buffers of feature maps.
    """
    storage, (rows, columns) = unit.layout.storage, extent
    channels, features = workload.source_channels(unit.layout), unit.layout.padded(workload.features)
    parameters = Parameters(
        T.arg("source", feature_map((rows, columns, channels), storage, **options)),
        T.arg("weight", T.buffer(weight, weight_dtype or unit.weight_dtype)),
        T.arg("start", T.buffer(start, "int32")),
        T.arg("positive", T.buffer((outputs,), "float32")),
        T.arg("negative", T.buffer((outputs,), "float32")),
        T.arg("ratio", T.buffer((features,), "float32")),
        T.arg("bounds", T.buffer((5 if workload.zero_points else 3,), "int32")),
        T.arg("levels", T.buffer((levels[0],), levels[1])),
        T.arg("padding", T.buffer((features,), storage)),
    )
    height, width = (size * workload.shuffle for size in (rows - 2 * workload.in_halo, columns - 2 * workload.in_halo))
    if workload.adds_skip and not workload.in_place:
        parameters.skip = T.arg("skip", feature_map((height, width, features), "int16", **options))
    if workload.writes_stream:
        parameters.stream = T.arg("stream", feature_map((height, width, features), "int16", **options))
    if workload.in_place:
        parameters.skip = parameters.stream
    if workload.codes != "none":
        halo = 2 * workload.out_halo
        shape = (height + halo, width + halo, workload.code_channels(unit.layout))
        parameters.codes = T.arg("codes", feature_map(shape, storage, **options))
    if workload.writes_picture:
        parameters.picture = T.arg("picture", feature_map((height, width, workload.features), "uint8", **options))
    return parameters


def feature_map(shape: tuple, dtype: str, **options: int) -> Buffer:
    """A buffer that may start at any row of a larger one, so that only whole pixels are known to be aligned."""
    size = np.dtype(dtype).itemsize * int(shape[2])
    return T.buffer(shape, dtype, **{"align": size & -size, **options})
