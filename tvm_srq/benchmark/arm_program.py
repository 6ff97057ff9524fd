"""A compiled network as a program whose instructions are counted: the packaged C library's example, linked statically."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tvm_srq.benchmark.instructions import require_tools
from tvm_srq.package import write_package

COMPILER = "aarch64-linux-gnu-gcc"
Program = Callable[[Sequence[str], str, int], None]
"""(emulator and its options, processor, frames) -> nothing; runs and leaves its last output."""


def our_program(artifact: Path, picture: NDArray[np.uint8], folder: Path) -> tuple[Program, Callable[[], NDArray[np.uint8]]]:
    """The package's example on one thread, and its last output."""
    require_tools(COMPILER)
    package = folder / "package"
    shutil.rmtree(package, ignore_errors=True)
    write_package(artifact, package)
    sources = [*sorted((package / "src").glob("*.c")), package / "src/constants.S", package / "lib/kernels.o"]
    command = [COMPILER, "-std=c99", "-O2", "-static", f"-I{package}/include", f"-I{package}/src", *map(str, sources),
               str(package / "example/upscale.c"), "-pthread", "-o", str(package / "upscale")]  # fmt: skip
    subprocess.run(command, check=True)
    source, output = package / "in.ppm", package / "out.ppm"
    Image.fromarray(picture).save(source)

    def run(emulator: Sequence[str], processor: str, frames: int) -> None:
        example = [str(package / "upscale"), str(source), str(output), "1", str(frames)]
        subprocess.run([*emulator, "-cpu", processor, *example], check=True)

    return run, lambda: np.asarray(Image.open(output))
