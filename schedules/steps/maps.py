"""What a step's kernel reads and writes, and what it is."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from tvm import tirx

from schedules.workload import Layout


@dataclass(frozen=True)
class StoredMap:
    """A feature map in memory, or a slice of a wider one's channels.

    Attributes:
        kind: "stream", "codes" or "picture".
        channels: logical channels.
        stored: channels of a pixel in memory, all slices included.
        halo: border of codes on all four sides; streams and pictures have none.
        dtype: in memory: int16 streams, uint8 pictures, codes as the layout stores them.
        low, high: range of decoded codes, which gives the storage shift.
        offset: first stored channel of the slice, a multiple of the layout's channel block.
    """

    kind: str
    channels: int
    stored: int
    halo: int
    dtype: str
    low: int = 0
    high: int = 0
    offset: int = 0

    def __post_init__(self) -> None:
        if self.kind not in ("stream", "codes", "picture") or (self.halo and self.kind != "codes"):
            raise ValueError(f"no such map: {self}")
        if self.offset + self.channels > self.stored:
            raise ValueError(f"{self.channels} channels from {self.offset} on exceed {self.stored} stored ones")


@dataclass(frozen=True)
class Maps:
    """A step's maps and where they lie.

    Attributes:
        more: further outputs, of as many channels, rows and columns.
        device: "cpu" or "cuda".
    """

    sources: tuple[StoredMap, ...]
    output: StoredMap
    layout: Layout
    device: str
    more: tuple[StoredMap, ...] = ()

    @property
    def outputs(self) -> tuple[StoredMap, ...]:
        return self.output, *self.more

    @property
    def padded(self) -> int:
        """Channels of the output that the kernel writes."""
        return self.output.channels if self.output.kind == "picture" else self.layout.padded(self.output.channels)

    def by_channel(self, values: NDArray) -> NDArray:
        """(channels,) -> (padded,), zeros behind."""
        return np.pad(values, (0, self.padded - len(values)))


@dataclass(frozen=True)
class StepKernel:
    """A step's kernel.

    Attributes:
        name: for reports, such as ``add.cpu``.
        function: PrimFunc with symbolic rows and columns. Parameters in this order: the sources, the constants, the output(s).
        constants: their values. Steps that differ in them alone have structurally equal functions.
    """

    name: str
    function: tirx.PrimFunc
    constants: list[NDArray] = field(default_factory=list)
