"""What the Winograd generator needs to know of a vector unit besides its dot product."""

from collections.abc import Callable
from dataclasses import dataclass

from numpy.typing import NDArray

from schedules.cpu.epilogue import write_each
from schedules.cpu.packing import ChannelOrder, direct_constants, in_order
from schedules.cpu.unit import DotUnit, WriteVectors
from schedules.workload import Constants, Convolution


@dataclass(frozen=True)
class WinogradUnit:
    """A vector unit and the sizes of its register tile.

    Attributes:
        unit: its dot product, layout and epilogue parts.
        tiles: 2x2 pixel tiles summed in registers at once.
        vectors: vectors of output channels summed beside each other; twice ``tiles * vectors`` accumulators in all.
        unroll: dot products along the input channels in one iteration of the inner loop.
        channels: of a block, at most: computed and then written together.
        input_bytes: of one vector of the input transform.
        transformed: largest magnitude of a transformed activation, and of a transformed weight, that the unit multiplies.
        prefetch: whether fetching cache lines ahead pays.
        write: writes one pixel's vectors of one block.
        written: at most so many vectors of a pixel are handed to ``write`` at once; None: a block's.
        order: (packed output channels, those of a block) -> permutation of them that ``write`` expects in the accumulators.
        epilogue_constants: (workload, unit, constants) -> bounds, levels and padding for ``write``.
        levels_dtype: of the table among them.
        refuses: a workload -> one clause why ``write`` does not serve it, or None.
    """

    unit: DotUnit
    tiles: int
    vectors: int
    unroll: int
    channels: int
    input_bytes: int
    transformed: tuple[int, int]
    prefetch: bool = False
    write: WriteVectors = write_each
    written: int | None = None
    order: ChannelOrder = in_order
    epilogue_constants: Callable[[Convolution, DotUnit, Constants], list[NDArray]] = direct_constants
    levels_dtype: str = "int8"
    refuses: Callable[[Convolution], "str | None"] = lambda workload: None

    def block(self, workload: Convolution) -> tuple[int, int]:
        """(output channels of a block, vectors beside each other): what divides the channels of one output pixel."""
        lanes = self.unit.lanes
        count = self.unit.layout.padded(workload.features) // lanes
        vectors = max(n for n in range(1, self.vectors + 1) if count % n == 0)
        tiles, most = count // vectors, max(self.channels // (vectors * lanes), 1)
        parts = max(n for n in range(1, min(tiles, most) + 1) if tiles % n == 0)
        return parts * vectors * lanes, vectors
