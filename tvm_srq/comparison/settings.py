"""What is to be compared, and how; told before anything is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tvm_srq.checks import require_number, require_threads
from tvm_srq.comparison.entry import Entry
from tvm_srq.errors import UserError
from tvm_srq.files import require_folder, require_other
from tvm_srq.remote.address import DeviceAddress

if TYPE_CHECKING:
    from tvm_srq.graph.picture_options import PictureOptions

MOST_ROUNDS = 1 << 20
CHART_SUFFIX = ".png"


@dataclass(frozen=True)
class Settings:
    """A comparison.

    Attributes:
        height, width: of the picture before upscaling.
        rounds: pictures to time with each network.
        devices: to run on, beside this machine.
        instructions: count those of networks for ARM on an emulated processor.
        dataset: to score pictures on, a folder or a name; ``network``: the checkpoint that the networks were made of.
        scale, picture: of checkpoints (tvm_srq.networks.load_graph).
    """

    height: int = 120
    width: int = 160
    rounds: int = 15
    threads: int = 1
    devices: tuple[DeviceAddress, ...] = ()
    instructions: bool = False
    dataset: str | None = None
    network: str | None = None
    scale: int | None = None
    picture: PictureOptions | None = None

    def check(self, entries: Sequence[Entry]) -> None:
        """Raise a UserError if something cannot be, or does not fit the networks."""
        require_number("repeat", self.rounds, 1, MOST_ROUNDS)
        require_threads(self.threads)
        keys = [device.key for device in self.devices]
        for key in keys:
            if keys.count(key) > 1:
                raise UserError(f"--rpc-key {key} is given twice; give it once")
        if self.network is not None and self.dataset is None:
            raise UserError("--network is what pictures of a dataset are compared with; give --dataset too, or leave it out")
        if all(entry.compiled for entry in entries) and self.network is None:
            for name, value in (("--scale", self.scale), ("an option on how pictures go in and come out", self.picture_told)):
                if value is not None:
                    raise UserError(f"{name} is for networks in float32, and none is given; leave it out")
        for entry in entries:
            if min(self.height, self.width) < entry.smallest:
                size = f"{entry.smallest}x{entry.smallest}"
                raise UserError(f"--size {self.height}x{self.width} is too small for {entry.path}; it takes {size} or more")

    @property
    def picture_told(self) -> PictureOptions | None:
        """What is said of pictures, if anything is."""
        from tvm_srq.graph.picture_options import UNTOLD

        return None if self.picture == UNTOLD else self.picture


@dataclass(frozen=True)
class Outputs:
    """Files to write."""

    json: str | None = None
    markdown: str | None = None
    chart: str | None = None

    def check(self, *inputs: str | Path | None) -> None:
        """Raise a UserError if one cannot be written, would replace an input or another, or lacks what draws it."""
        given = [path for path in (self.json, self.markdown, self.chart) if path is not None]
        for index, path in enumerate(given):
            require_folder(Path(path))
            require_other(path, *inputs)
            if Path(path).resolve() in [Path(other).resolve() for other in given[:index]]:
                raise UserError(f"two outputs are called {path}; give each a name of its own")
        if self.chart is not None:
            if Path(self.chart).suffix.lower() != CHART_SUFFIX:
                raise UserError(f"--chart {self.chart} is drawn as PNG; give it a name that ends with {CHART_SUFFIX}")
            from tvm_srq.comparison import chart  # noqa: F401 - says so if matplotlib is missing
