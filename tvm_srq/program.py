"""A compiled network as data: the kernel calls in order, the feature maps between them, the constants they read.

The compiler extracts it from the lowered Relax module (relay_passes.extract_program); the runtime executes it.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tvm_srq.json_values import flag, listed, text, whole

Extent = tuple[tuple[int, int, int], ...]
"""How rows (columns) of a map follow from those of the picture: (multiply, add, divide), one after another; () is as many."""


def apply_extent(extent: Extent, size: int) -> int:
    """Rows (columns) of a map for a picture of ``size``."""
    for multiply, add, divide in extent:
        size = (size * multiply + add) // divide
    return size


def whole_scale(extent: Extent) -> int | None:
    """The number that an extent multiplies every size by; None if it does anything else."""
    scale = 1
    for multiply, add, divide in extent:
        if multiply < 1 or (add, divide) != (0, 1):
            return None
        scale *= multiply
    return scale


@dataclass(frozen=True)
class FeatureMap:
    """A tensor between kernels: (rows, columns, channels) with a halo around.

    Attributes:
        extent: its height and width, given the picture's.
        channels, dtype: as stored, padding included; the channels of a part of a wide map are those of the whole.
        halo: columns before and after each row, and rows above and below the map.
        outside: (channels,) stored values of the halo; empty without one.
        storage: maps with the same number share memory, and all of the above. Either a later one is written over the one
            before, or they are parts of one wide map: written by different steps, each its channels, and each a map of its own
            so that the rows of either are known. Kernels are given the whole wide map for a part.
    """

    extent: Extent
    channels: int
    dtype: str
    halo: int
    outside: tuple[int, ...]
    storage: int

    @property
    def pixel_bytes(self) -> int:
        return self.channels * np.dtype(self.dtype).itemsize

    @cached_property
    def scale(self) -> int | None:
        """Times the picture's height and width; None if they are no such multiple for every picture."""
        return whole_scale(self.extent)

    def size(self, picture: int) -> int:
        """Rows (columns) for a picture of so many, without the halo."""
        return apply_extent(self.extent, picture)


class Argument(NamedTuple):
    """What a kernel is given: a map or a constant, by its index."""

    kind: Literal["map", "constant"]
    index: int  # type: ignore[assignment]  # nobody looks for values in it by tuple's method


class Read(NamedTuple):
    """A map that a step needs.

    Attributes:
        map: its index.
        reach: rows above and below those of its own place that it reads; 0 where the kernel knows the borders itself.
    """

    map: int
    reach: int


@dataclass(frozen=True)
class Step:
    """One kernel call. Map 0 is the picture that comes in, the last map the one that goes out.

    Attributes:
        layer: name of the layer, ``picture`` for the step that stores the picture.
        kernel: name of the function in the library.
        arguments: in the order of the kernel's parameters.
        reads: every map it needs, also those that are no argument of their own: the one it writes over, all parts of a wide map.
        outputs: maps that are written.
        whole: it has no rows of its own: it runs once, on whole maps, when everything it reads is complete.
    """

    layer: str
    kernel: str
    arguments: tuple[Argument, ...]
    reads: tuple[Read, ...]
    outputs: tuple[int, ...]
    whole: bool = False

    @property
    def maps(self) -> Iterator[int]:
        """All that it reads or writes."""
        yield from (read.map for read in self.reads)
        yield from self.outputs


@dataclass(frozen=True)
class Program:
    """Steps in order.

    Attributes:
        smallest: rows and columns that a picture must have.
    """

    maps: tuple[FeatureMap, ...]
    steps: tuple[Step, ...]
    constants: tuple[NDArray, ...]
    smallest: int = 1

    @property
    def scale(self) -> int:
        """Of the picture that goes out."""
        scale = self.maps[-1].scale
        assert scale is not None
        return scale

    @property
    def channels(self) -> int:
        """Of both pictures: 3, or 1 if they are grey."""
        return self.maps[0].channels

    @cached_property
    def in_strips(self) -> bool:
        """Whether it can be executed strip by strip: every step's maps have whole multiples of the rows of the smallest."""
        scales = [[self.maps[index].scale for index in step.maps] for step in self.steps]
        known = [[scale for scale in step if scale is not None] for step in scales]
        return known == scales and not any(
            step.whole or any(scale % min(its) for scale in its) for step, its in zip(self.steps, known, strict=True)
        )

    def describe(self) -> dict[str, Any]:
        """Everything but the constants' values, as JSON values."""
        constants = [{"dtype": str(array.dtype), "shape": list(array.shape)} for array in self.constants]
        return {
            "maps": [asdict(m) for m in self.maps], "steps": [asdict(s) for s in self.steps], "constants": constants,
            "smallest": self.smallest,
        }  # fmt: skip


ALIGNMENT = 64


def pack_constants(constants: tuple[NDArray, ...]) -> bytes:
    """All constants one after another, each at a multiple of ALIGNMENT bytes."""
    parts = []
    for array in constants:
        data = np.ascontiguousarray(array).tobytes()
        parts += [data, b"\0" * (-len(data) % ALIGNMENT)]
    return b"".join(parts)


CONSTANT_DTYPES = ("int8", "uint8", "int16", "uint16", "int32", "int64", "float32", "float64")
MOST = 1 << 40  # of any number in a description


def load_program(description: dict[str, Any], content: bytes) -> Program:
    """The inverse of :meth:`Program.describe` and :func:`pack_constants`; tvm_srq.program_check checks what it says.

    Raises:
        KeyError, TypeError, ValueError: it is no such description, or the content does not fit it.
    """
    maps = tuple(map(load_map, listed(description["maps"], "maps")))
    steps = tuple(map(load_step, listed(description["steps"], "steps")))
    constants = load_constants(listed(description["constants"], "constants"), content)
    return Program(maps, steps, constants, whole(description["smallest"], "smallest", 1, MOST))


def load_constants(described: list[dict[str, Any]], content: bytes) -> tuple[NDArray, ...]:
    """Views of one aligned block.

    Raises:
        KeyError, TypeError, ValueError: they are not what fills the content.
    """
    shapes = [tuple(whole(size, "a constant's length", 0, MOST) for size in listed(item["shape"], "shape")) for item in described]
    if any(item["dtype"] not in CONSTANT_DTYPES for item in described):
        raise ValueError("a constant is of an unknown type")
    sizes = [np.dtype(item["dtype"]).itemsize * math.prod(shape) for item, shape in zip(described, shapes, strict=True)]
    if sum(size + -size % ALIGNMENT for size in sizes) != len(content):
        raise ValueError(f"its constants do not fill {len(content)} bytes")
    memory = np.empty(len(content) + ALIGNMENT, np.uint8)
    memory = memory[-memory.ctypes.data % ALIGNMENT :][: len(content)]
    memory[:] = np.frombuffer(content, np.uint8)
    constants, at = [], 0
    for item, shape, size in zip(described, shapes, sizes, strict=True):
        constants.append(memory[at : at + size].view(item["dtype"]).reshape(shape))
        at += size + -size % ALIGNMENT
    return tuple(constants)


def load_map(item: dict[str, Any]) -> FeatureMap:
    numbers = {key: whole(item[key], key, -MOST, MOST) for key in ("channels", "halo", "storage")}
    extent = tuple((multiply, add, divide) for multiply, add, divide in map(wholes, listed(item["extent"], "extent")))
    rest = {"dtype": text(item["dtype"], "dtype"), "extent": extent, "outside": wholes(item["outside"])}
    return FeatureMap(**{**item, **numbers, **rest})


def load_step(item: dict[str, Any]) -> Step:
    arguments = tuple(Argument(kind, whole(index, "argument", 0, MOST)) for kind, index in listed(item["arguments"], "arguments"))
    reads = tuple(Read(*wholes(read)) for read in listed(item["reads"], "reads"))
    names = {key: text(item[key], key) for key in ("layer", "kernel")}
    made = {"arguments": arguments, "reads": reads, "outputs": wholes(item["outputs"]), "whole": flag(item["whole"], "whole")}
    return Step(**{**item, **names, **made})


def wholes(values: Any) -> tuple[int, ...]:
    return tuple(whole(value, "a number", -MOST, MOST) for value in listed(values, "numbers"))
