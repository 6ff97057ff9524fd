"""A compiled network as data: the kernel calls in order, the feature maps between them, the constants they read.

The compiler extracts it from the lowered Relax module (relay_passes.extract_program); the runtime executes it.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FeatureMap:
    """A tensor between kernels.

    Attributes:
        scale: its height and width are those of the picture times this.
        channels, dtype: as stored, padding included.
        halo: columns before and after each row, and rows above and below the map.
        outside: (channels,) stored values of the halo; empty without one.
        storage: maps with the same number share memory, each later one written over the one before it.
    """

    scale: int
    channels: int
    dtype: str
    halo: int
    outside: tuple[int, ...]
    storage: int

    @property
    def pixel_bytes(self) -> int:
        return self.channels * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Step:
    """One kernel call. Feature maps and constants are indices; -1 is none. Map 0 is the picture that comes in.

    Attributes:
        layer: name of the layer, ``picture`` for the first step.
        kernel: name of the function in the library.
        constants: in the order of the kernel's parameters.
        source, skip: maps that are read. outputs: maps that are written, in the order of the kernel's parameters.
        reach: rows above and below a row that it reads; 0 where the kernel knows the borders itself.
        shuffle: rows of the outputs for one row of the source.
    """

    layer: str
    kernel: str
    constants: tuple[int, ...]
    source: int
    skip: int
    outputs: tuple[int, ...]
    reach: int
    shuffle: int


@dataclass(frozen=True)
class Program:
    """Steps in order; the last one writes the picture."""

    maps: tuple[FeatureMap, ...]
    steps: tuple[Step, ...]
    constants: tuple[NDArray, ...]

    @property
    def scale(self) -> int:
        return self.maps[self.steps[-1].outputs[0]].scale

    def describe(self) -> dict[str, Any]:
        """Everything but the constants' values, as JSON values."""
        constants = [{"dtype": str(array.dtype), "shape": list(array.shape)} for array in self.constants]
        return {"maps": [asdict(m) for m in self.maps], "steps": [asdict(s) for s in self.steps], "constants": constants}


ALIGNMENT = 64


def pack_constants(constants: tuple[NDArray, ...]) -> bytes:
    """All constants one after another, each at a multiple of ALIGNMENT bytes."""
    parts = []
    for array in constants:
        data = np.ascontiguousarray(array).tobytes()
        parts += [data, b"\0" * (-len(data) % ALIGNMENT)]
    return b"".join(parts)


def load_program(description: dict[str, Any], content: bytes) -> Program:
    """The inverse of :meth:`Program.describe` and :func:`pack_constants`.

    Raises:
        KeyError, TypeError, ValueError: it is no such description, or the content does not fit it.
    """
    memory = np.empty(len(content) + ALIGNMENT, np.uint8)
    memory = memory[-memory.ctypes.data % ALIGNMENT :][: len(content)]
    memory[:] = np.frombuffer(content, np.uint8)
    constants, at = [], 0
    for item in description["constants"]:
        dtype, shape = np.dtype(item["dtype"]), tuple(item["shape"])
        size = dtype.itemsize * int(np.prod(shape))
        constants.append(memory[at : at + size].view(dtype).reshape(shape))
        at += size + -size % ALIGNMENT
    maps = tuple(FeatureMap(**{**item, "outside": tuple(item["outside"])}) for item in description["maps"])
    steps = tuple(
        Step(**{**item, "constants": tuple(item["constants"]), "outputs": tuple(item["outputs"])})
        for item in description["steps"]
    )
    return Program(maps, steps, tuple(constants))
