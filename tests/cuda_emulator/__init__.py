"""CUDA on the CPU: TVM's own CUDA runtime, on a libcuda and a libcudart whose device is an emulator.

``compile_image`` is the emulator's nvcc: g++ with a ``cuda.h`` that gives CUDA's words a meaning for fibers of one CPU
thread (device/cuda.h). ``Emulator`` is a process in which TVM finds the two libraries built from runtime_api.cpp and
driver_api.cpp instead of NVIDIA's: it has a ``tvm.cuda(0)``, and what runs there is what would run on a GPU, TVM's host code,
memory and launches included. Exact about values and about reads and writes out of bounds; its time says nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from cuda_emulator.assembly import as_functions

SOURCES = Path(__file__).parent
COMMON = ["g++", "-std=c++17", "-shared", "-fPIC"]
# -O1: half the compile time of -O2; no strict aliasing: generated code loads bytes as int4
IMAGE_OPTIONS = ["-O1", "-w", "-ffp-contract=off", "-fno-strict-aliasing"]
CHECKS = ["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"]
KERNEL = re.compile(r'extern "C" __global__ void (?:__launch_bounds__\([\d, ]+\) )?(\w+)\(')


def compile_image(source: str, checked: bool = True) -> bytes:
    """CUDA source as TVM generates it -> a module for the emulator's driver; ``checked`` ones trap at undefined behaviour."""
    kernels = dict.fromkeys(KERNEL.findall(source))
    lines = [as_functions(source), *(f"EMULATED_KERNEL({name})" for name in kernels), "END_OF_IMAGE"]
    with tempfile.TemporaryDirectory() as folder:
        code, image = Path(folder) / "image.cpp", Path(folder) / "image.so"
        code.write_text("\n".join(lines))
        build(image, [*IMAGE_OPTIONS, *(CHECKS if checked else []), f"-I{SOURCES / 'device'}", str(code)])
        return image.read_bytes()


def build_drivers(folder: Path) -> None:
    """libcuda.so.1 and libcudart.so.13 in ``folder``."""
    versions = folder / "versions.map"
    versions.write_text("libcudart.so.13 { cuda*; };\n")
    build(folder / "libcuda.so.1", ["-O2", str(SOURCES / "driver_api.cpp"), "-Wl,-soname,libcuda.so.1"])
    build(folder / "libcudart.so.13", [
        "-O2", str(SOURCES / "runtime_api.cpp"), "-Wl,-soname,libcudart.so.13",
        f"-Wl,--version-script={versions}",
    ])  # fmt: skip


def build(output: Path, arguments: list[str]) -> None:
    result = subprocess.run([*COMMON, "-o", str(output), *arguments], capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"g++ failed on {output.name}:\n{result.stderr}")


class Emulator:
    """A process with an emulated GPU; ``call`` runs a module's function in it."""

    def __init__(self, drivers: Path, **environment: str) -> None:
        changes = {"LD_LIBRARY_PATH": str(drivers), "TVM_NUM_THREADS": "1", **environment}
        before = {name: os.environ.get(name) for name in changes}
        os.environ.update(changes)
        try:
            self.process = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
            self.call(os.getpid)  # started now, with this environment
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value

    def call(self, function: Callable, *arguments: Any) -> Any:
        return self.process.submit(function, *arguments).result()

    def close(self) -> None:
        self.process.shutdown()
