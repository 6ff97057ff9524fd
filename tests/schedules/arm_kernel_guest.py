"""Runs inside the emulated arm64 machine: calls kernels until its input ends, a JSON line of what to call at a time.

Every array lies between guard bytes, aligned no better than its pixels; writing outside one is an error.
"""

import json
import sys
from pathlib import Path

import numpy as np

from tvm_srq.execution.ffi import ffi, load_library

GUARD, POISON = 4096, 0x5A
libraries: dict = {}


def place(array: np.ndarray) -> tuple[np.ndarray, int, np.ndarray]:
    """(memory, first byte, a copy of ``array`` in it)."""
    pixel = array.itemsize * array.shape[-1]
    alignment = 64 if array.ndim != 3 else min(pixel & -pixel, 64)  # constants are aligned, feature maps may not be
    memory = np.full(array.nbytes + 2 * GUARD, POISON, np.uint8)
    first = GUARD // 2 - memory.ctypes.data % 64 + (alignment if alignment < 64 else 0)
    image = memory[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
    image[:] = array
    return memory, first, image


def call(library: str, arguments: str, results: str) -> str:
    if library not in libraries:
        libraries[library] = load_library(Path(library).read_bytes())["main"]
    arrays = np.load(arguments)
    placed = [place(arrays[f"arr_{i}"]) for i in range(len(arrays))]
    libraries[library](*(ffi.from_dlpack(image) for _, _, image in placed))
    np.savez(results, *(image for _, _, image in placed))
    for number, (memory, first, image) in enumerate(placed):
        if (memory[:first] != POISON).any() or (memory[first + image.nbytes :] != POISON).any():
            return f"wrote outside argument {number}"
    return "done"


for line in sys.stdin:
    print(call(**json.loads(line)), flush=True)
