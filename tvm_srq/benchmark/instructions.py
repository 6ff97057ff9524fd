"""Counts of executed instructions per frame: the same program on one frame and on more, and the difference."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path

from tvm_srq.errors import UserError

EMULATOR = "qemu-aarch64"  # the dynamic one: Debian's static build loads no plugins
PLUGIN_SOURCE = Path(__file__).with_name("count_plugin.c")
FRAMES = (1, 3)


@dataclass(frozen=True)
class Counts:
    """Executed instructions, and of them loads, stores, byte dot products (matrix products included) and other NEON integer
    vector multiplications."""

    instructions: int
    loads: int
    stores: int
    dots: int
    multiplies: int

    def per_frame(self, other: "Counts", frames: int) -> "Counts":
        """What one of the ``frames`` adds that ``other`` has more than this."""
        return Counts(*((b - a) // frames for a, b in zip(astuple(self), astuple(other), strict=True)))


def require_tools(*names: str) -> None:
    """Raise a UserError naming the Debian packages of missing programs."""
    packages = {EMULATOR: "qemu-user", "gcc": "gcc", "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu"}
    missing = [packages[name] for name in names if shutil.which(name) is None]
    if missing:
        raise UserError(f"counting ARM instructions needs Debian's {', '.join(missing)}; install with apt-get")


def build_plugin(folder: Path) -> Path:
    """The compiled plugin."""
    require_tools("gcc")
    path = folder / "count_plugin.so"
    options = ["-std=c99", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden"]
    subprocess.run(["gcc", *options, "-o", str(path), str(PLUGIN_SOURCE)], check=True)
    return path


def count(run: Callable[[Sequence[str]], None]) -> Counts:
    """Counts of one emulated program.

    Args:
        run: starts the program, given the emulator's command and further options.

    Raises:
        UserError: the emulator is missing or writes no counts.
    """
    require_tools(EMULATOR)
    with tempfile.TemporaryDirectory() as folder:
        plugin, output = build_plugin(Path(folder)), Path(folder) / "counts"
        run([EMULATOR, "-plugin", f"file={plugin},out={output}"])
        if not output.is_file():
            raise UserError(f"{EMULATOR} wrote no counts; it must support plugins (version 7.2 does)")
        values = dict(line.split() for line in output.read_text().splitlines())
    return Counts(**{name: int(value) for name, value in values.items()})


def count_frame(run: Callable[[Sequence[str], int], None]) -> Counts:
    """Counts of one frame, start-up excluded: ``run(emulator, frames)`` runs the program on so many."""
    few, many = (count(partial(emulated, run, frames)) for frames in FRAMES)
    return few.per_frame(many, FRAMES[1] - FRAMES[0])


def emulated(run: Callable[[Sequence[str], int], None], frames: int, emulator: Sequence[str]) -> None:
    run(emulator, frames)
