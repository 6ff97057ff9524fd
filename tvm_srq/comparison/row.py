"""One line of a comparison: what was found of one network on one device."""

import statistics
from dataclasses import dataclass
from enum import Enum

import numpy as np

from tvm_srq.comparison.entry import Entry


class Basis(Enum):
    """What a row's figures rest on."""

    MEASURED = "measured"
    MODELLED = "modelled: instructions"
    NOT_TIMED = "not timed"
    NOT_RUN = "not run"
    FAILED = "failed"


@dataclass(frozen=True)
class Timing:
    """Pictures of one size.

    Attributes:
        load, first: seconds from the file to a network, and from there to the first result.
        wall: seconds of each later picture; ``cpu``: of all threads' CPU time, empty where it cannot be known.
    """

    load: float
    first: float
    wall: tuple[float, ...]
    cpu: tuple[float, ...] = ()

    @property
    def cold_start(self) -> float:
        """Seconds from the file to the first result."""
        return self.load + self.first

    @property
    def median(self) -> float:
        return statistics.median(self.wall)

    @property
    def percentile90(self) -> float:
        """Seconds that nine of ten pictures take at most, between two of them by linear interpolation."""
        return float(np.percentile(self.wall, 90))

    @property
    def cpu_median(self) -> float | None:
        return statistics.median(self.cpu) if self.cpu else None


@dataclass(frozen=True)
class Scores:
    """What a network makes of pictures. None: not known.

    Attributes:
        psnr_y: in dB, against the dataset's high-resolution pictures; infinite for equal pictures.
        psnr_y_to_float: the same, against what the float32 network makes of them.
        flat_colour_shift: the largest difference to the float32 network on flat pictures, in grey levels.
    """

    psnr_y: float | None = None
    psnr_y_to_float: float | None = None
    flat_colour_shift: float | None = None


@dataclass(frozen=True)
class Row:
    """One network on one device.

    Attributes:
        device: its name, for people.
        reason: why there are no times; empty where there are.
        timing: measured times alone, never an emulator's.
        peak_memory: bytes, of a process with this network alone.
        instructions: of one picture, on an emulated processor.
    """

    entry: Entry
    device: str
    basis: Basis
    reason: str = ""
    timing: Timing | None = None
    peak_memory: int | None = None
    instructions: int | None = None
    scores: Scores = Scores()

    def frames_per_second(self) -> float | None:
        return None if self.timing is None else 1 / self.timing.median

    def output_pixels_per_second(self, height: int, width: int) -> float | None:
        """For pictures of this size before upscaling."""
        return None if self.timing is None else height * width * self.entry.scale**2 / self.timing.median
