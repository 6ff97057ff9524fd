"""What the F(4x4, 3x3) Winograd generator needs to know of a vector unit."""

from collections.abc import Callable
from dataclasses import dataclass

from numpy.typing import NDArray
from tvm.ir import Expr
from tvm.tirx import Buffer

from schedules.cpu.epilogue import write_each
from schedules.cpu.packing import ChannelOrder, channel_order, direct_constants, in_order, stored_channels
from schedules.cpu.parameters import Parameters
from schedules.cpu.unit import DotUnit, WriteVectors
from schedules.workload import Constants, Convolution


@dataclass(frozen=True)
class Shape:
    """Sizes within one chunk: stored input channels, blocks of output channels, vectors of a block and their lanes, tiles."""

    inputs: int
    blocks: int
    vectors: int
    lanes: int
    tiles: int


# (parameters, transformed input, sums, tiles here, block, position, shape): one of the 36 matrix products of a chunk
MultiplyPosition = Callable[[Parameters, Buffer, Buffer, Expr, Expr, Expr, Shape], None]


@dataclass(frozen=True)
class Winograd4Unit:
    """A vector unit that multiplies int16, and the sizes of its work.

    Attributes:
        unit: its layout, lanes and epilogue parts.
        tiles: of a chunk, which is transformed at once.
        task_chunks: chunks of a parallel task.
        input_lanes: channels of one vector of the input transform, at most.
        multiply: sums one position's products of a chunk and a block into int32, modulo 2^32.
        interleaved: pairs of input channels lie lane by lane in the weights; else one channel's lanes behind the other's.
        vectors: workload -> vectors of output channels of a block; they divide the channels of an output pixel.
        write: writes one pixel's vectors of one block.
        order: (packed output channels, those of a block) -> permutation of them that ``write`` expects in the accumulators.
        epilogue_constants: (workload, unit, constants) -> bounds, levels and padding for ``write``.
        levels_dtype: of the table among them.
        prefetch: whether fetching cache lines ahead pays.
    """

    unit: DotUnit
    tiles: int
    task_chunks: int
    input_lanes: int
    multiply: MultiplyPosition
    interleaved: bool
    vectors: Callable[[Convolution], int]
    write: WriteVectors = write_each
    order: ChannelOrder = in_order
    epilogue_constants: Callable[[Convolution, DotUnit, Constants], list[NDArray]] = direct_constants
    levels_dtype: str = "int8"
    prefetch: bool = False

    def shape(self, workload: Convolution) -> Shape:
        """The sizes for a workload."""
        vectors, lanes = self.vectors(workload), self.unit.lanes
        blocks = len(channel_order(workload, self.unit)) // (vectors * lanes)
        return Shape(stored_channels(workload, self.unit), blocks, vectors, lanes, self.tiles)
