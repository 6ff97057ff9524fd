"""Buffers of the CUDA kernels, and how they are declared."""

from dataclasses import dataclass

from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer, Var

from schedules.cuda.packing import features, stored_channels
from schedules.cuda.tile import LAYOUT, TABLE_ENTRIES, Tile, packed_outputs
from schedules.workload import Convolution


@dataclass
class Parameters:
    """The kernel's buffers, in the order of the PrimFunc's parameters.

    Attributes:
        source: (H, W, channels) int8 codes, of which the first channels are read.
        weight: int32, four int8 weights to a word, in an order of the kernel's: ``packing.tile_weights``, ``tensor_packing``.
        start: (O,) int32, O packed. positive, negative: (O,) float32.
        ratio: (features,) float32. bounds: (3,) or (5,) int32, see ``schedules.cpu.packing.code_bounds``.
        levels: (TABLE_ENTRIES,) int8 stored levels. padding: (channels,) int8, what lies outside the picture.
        zeros: (features,) int8, the stored form of a real zero in the output's codes.
        skip, stream: (H * r, W * r, features) int16, the same buffer if ``in_place``.
        codes: (H * r, W * r, features) int8, or those of the whole map where they are a slice of one.
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
    zeros: Buffer
    skip: Buffer | None = None
    stream: Buffer | None = None
    codes: Buffer | None = None
    picture: Buffer | None = None


def weight_shape(workload: Convolution, tile: Tile) -> tuple[int, ...]:
    """(blocks, steps, words)"""
    blocks = packed_outputs(workload, tile.channels) // tile.block_channels
    return blocks, stored_channels(workload) // (4 * tile.words), tile.weight_words(workload.kernel)


def declare_parameters(workload: Convolution, outputs: int, shape: tuple[int, ...], rows: Var, columns: Var) -> Parameters:
    """The buffers of a kernel of ``outputs`` packed channels whose weights have a ``shape``."""
    channels = stored_channels(workload)
    parameters = Parameters(
        T.arg("source", T.buffer((rows, columns, workload.source_channels(LAYOUT)), LAYOUT.storage)),
        T.arg("weight", T.buffer(shape, "int32")),
        T.arg("start", T.buffer((outputs,), "int32")),
        T.arg("positive", T.buffer((outputs,), "float32")),
        T.arg("negative", T.buffer((outputs,), "float32")),
        T.arg("ratio", T.buffer((features(workload),), "float32")),
        T.arg("bounds", T.buffer((5 if workload.zero_points else 3,), "int32")),
        T.arg("levels", T.buffer((TABLE_ENTRIES,), LAYOUT.storage)),
        T.arg("padding", T.buffer((channels,), LAYOUT.storage)),
        T.arg("zeros", T.buffer((features(workload),), LAYOUT.storage)),
    )
    height, width = rows * workload.shuffle, columns * workload.shuffle
    if workload.adds_skip and not workload.in_place:
        parameters.skip = T.arg("skip", T.buffer((height, width, features(workload)), "int16"))
    if workload.writes_stream:
        parameters.stream = T.arg("stream", T.buffer((height, width, features(workload)), "int16"))
    if workload.in_place:
        parameters.skip = parameters.stream
    if workload.codes != "none":
        parameters.codes = T.arg("codes", T.buffer((height, width, workload.code_channels(LAYOUT)), LAYOUT.storage))
    if workload.writes_picture:
        parameters.picture = T.arg("picture", T.buffer((height, width, workload.features), "uint8"))
    return parameters
