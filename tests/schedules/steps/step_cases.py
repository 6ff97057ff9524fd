"""Steps to test kernels with, and the comparison of a kernel's memory, byte for byte, with what the step means.

    check(Compiled(CASES["add"], layout, "cpu", function), 37, 53, seed=0)

Everything that a kernel need not read is random, padding channels and other slices of wide maps included; everything that it
must not write is compared afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import tvm
import tvm_ffi
from harness import POISON, place, place_copy
from numpy.typing import NDArray

from schedules.steps import StepKernel, StoredMap, step_kernel
from schedules.workload import Layout
from tvm_srq.steps import (
    Add,
    AveragePool,
    Concat,
    Crop,
    Encode,
    Fused,
    GlobalAverage,
    GlobalDeviation,
    GroupNorm,
    LayerNorm,
    Lookup,
    MaxPool,
    Multiply,
    Nearest,
    Pad,
    PadToMultiple,
    PictureStream,
    PixelShuffle,
    PixelUnshuffle,
    Resize,
    Roll,
    Scale,
    Select,
    Step,
    Subsample,
    ToPicture,
)
from tvm_srq.steps.fused import Member

RANDOM = np.random.default_rng(0)
SIGNED = [-31, -20, -13, -8, -6, -4, -2, -1, 0, 1, 2, 4, 6, 8, 13, 31]


@dataclass(frozen=True)
class Case:
    """A step and its maps.

    Attributes:
        inputs: (kind, channels) of every input; kinds are those of StoredMap, and "pixel" for a stream of one pixel.
        output: (kind, channels).
        more: those of further outputs.
        codes: lowest and highest code of the maps of codes.
        grid: rows and columns of the first input are multiples of it.
        extent: (rows, columns of the first input) -> the output's extent, where it does not follow.
        divisors: of the first input's extent, for every input's.
    """

    step: Step
    inputs: tuple[tuple[str, int], ...]
    output: tuple[str, int]
    codes: tuple[int, int] = (0, 0)
    grid: int = 1
    extent: Callable[[int, int], tuple[int, int]] | None = None
    divisors: tuple[int, ...] = (1, 1, 1)
    more: tuple[tuple[str, int], ...] = ()


def numbers(channels: int, size: float = 1.0) -> NDArray[np.float32]:
    return (RANDOM.uniform(-1, 1, channels) * size).astype(np.float32)


def stream(channels: int) -> tuple[str, int]:
    return "stream", channels


def scale(channels: int, **ends: int) -> Scale:
    return Scale(numbers(channels, 3), numbers(channels), RANDOM.integers(-40000, 40000, channels), **ends)


def resize(mode: str, coordinates: str, extent: Callable[[int, int], tuple[int, int]]) -> Case:
    return Case(Resize(mode, coordinates), (stream(20),), stream(20), extent=extent)


def gate() -> Fused:
    """SPAN's: a sum times a function, as a stream and as codes."""
    table = Lookup(RANDOM.integers(-9000, 9000, 4096))
    codes = Encode(numbers(20, 0.004) + 0.005, -128, np.arange(-128, 128), RANDOM.integers(-60, 60, 20))
    members = (
        Member(Add(0.5, 0.7), (0, 1)), Member(table, (2,)), Member(Multiply(2e-4), (3, 4)), Member(codes, (5,)),
    )  # fmt: skip
    return Fused(members, (0, 0, 0), (2, 3), 20)


def part_encoded() -> Fused:
    """Channels 16 to 35 of a stream: scaled, gated by a pixel, and coded in two ways."""
    members = (
        Member(scale(20), (0,)), Member(Multiply(0.0002, "pixel"), (2, 1)),
        Member(Encode(numbers(20, 0.001), -31, SIGNED_TABLE), (3,)), Member(Encode(numbers(20, 0.001), -8, range(-8, 8)), (2,)),
    )  # fmt: skip
    return Fused(members, (16, 0), (2, 3), 20)


SIGNED_TABLE = np.clip(np.arange(-31, 32) // 2 * 2, -31, 31)
ONE, TWO = (stream(20),), (stream(20), stream(20))
CASES = {
    "add": Case(Add(0.3, 1.7), TWO, stream(20)),
    "add-equal-steps": Case(Add(), (stream(64), stream(64)), stream(64)),
    "add-pixel": Case(Add(1.0, 0.6, "b"), (stream(20), ("pixel", 20)), stream(20)),
    "add-to-pixel": Case(Add(0.5, 0.6, "a"), (("pixel", 20), stream(20)), stream(20)),
    "scale": Case(scale(20), ONE, stream(20)),
    "clamp": Case(scale(3, low=-100, high=6000), (stream(3),), stream(3)),
    "picture-stream": Case(PictureStream([64.5, 1, -300], [-99, 1000, 7]), (("picture", 3),), stream(3)),
    "grey-picture-stream": Case(PictureStream([64.5], [-99]), (("picture", 1),), stream(1)),
    "lookup": Case(Lookup(RANDOM.integers(-32768, 32768, 4096)), ONE, stream(20)),
    "multiply": Case(Multiply(3e-5), TWO, stream(20)),
    "multiply-pixel": Case(Multiply(1e-4, "pixel"), (stream(20), ("pixel", 20)), stream(20)),
    "multiply-channel": Case(Multiply(1e-4, "channel"), (stream(20), stream(1)), stream(20)),
    "encode": Case(Encode(numbers(20, 1e-3), -7, range(-7, 9)), ONE, ("codes", 20), (-7, 8)),
    "encode-8-bits": Case(Encode(numbers(20, 1e-2), -40, range(-40, 216)), ONE, ("codes", 20), (-40, 215)),
    "encode-zero-points": Case(
        Encode(numbers(20, 1e-2), -128, range(-128, 128), RANDOM.integers(-128, 128, 20)), ONE, ("codes", 20), (-128, 127)
    ),
    "encode-table": Case(Encode(numbers(64, 1e-3), -8, SIGNED), (stream(64),), ("codes", 64), (-31, 31)),
    "encode-small-table": Case(Encode(numbers(5, 1e-4), -1, [-3, 0, 2]), (stream(5),), ("codes", 5), (-3, 2)),
    "nearest": Case(Nearest(2), ONE, stream(20)),
    "nearest-codes": Case(Nearest(3, RANDOM.integers(-4, 200, 20)), (("codes", 20),), ("codes", 20), (-4, 251)),
    "pixel-shuffle": Case(PixelShuffle(2), (stream(36),), stream(9)),
    "pixel-unshuffle": Case(PixelUnshuffle(3), (stream(5),), stream(45), grid=3),
    "select-halves": Case(Select(tuple(range(30, 50))), (stream(50),), stream(20)),
    "select-two-runs": Case(Select((*range(40, 50), *range(3, 20))), (stream(50),), stream(27)),
    "select-any": Case(Select((4, 0, 2, 2, 19)), ONE, stream(5)),
    "concat": Case(Concat(), (stream(20), stream(3), stream(16)), stream(39)),
    "resize-up": resize("linear", "half_pixel", lambda h, w: (2 * h + 1, 3 * w)),
    "resize-down": resize("linear", "half_pixel", lambda h, w: (-(-h // 2), -(-w // 3))),
    "resize-corners": resize("linear", "align_corners", lambda h, w: (2 * h, w)),
    "resize-asymmetric": resize("linear", "asymmetric", lambda h, w: (2 * h, 2 * w - 1)),
    "resize-cubic": resize("cubic", "half_pixel", lambda h, w: (4 * h, 2 * w)),
    "resize-cubic-down": resize("cubic", "half_pixel", lambda h, w: (-(-h // 2), 1)),
    "resize-cubic-corners": resize("cubic", "align_corners", lambda h, w: (3 * h + 1, 1)),
    "resize-cubic-asymmetric": resize("cubic", "asymmetric", lambda h, w: (2 * h, 3 * w)),
    "max-pool": Case(MaxPool(3, 2, 1), ONE, stream(20)),
    "max-pool-whole": Case(MaxPool(2, 2), ONE, stream(20), grid=2),
    "average-pool": Case(AveragePool(3, 2, 1), ONE, stream(20)),
    "average-pool-large": Case(AveragePool(7, 3, 3), ONE, stream(20)),
    "global-average": Case(GlobalAverage(4), ONE, stream(20)),
    "global-deviation": Case(GlobalDeviation(4), ONE, stream(20)),
    "layer-norm": Case(LayerNorm(3e5, 3000.0), ONE, stream(20)),
    "layer-norm-64": Case(LayerNorm(0.0, 8000.0), (stream(64),), stream(64)),
    "layer-norm-of-one": Case(LayerNorm(0.0, 8000.0), (stream(1),), stream(1)),
    "group-norm": Case(GroupNorm(4, 2.5, 3000.0), ONE, stream(20)),
    "group-norm-64": Case(GroupNorm(2, 0.0, 12000.0), (stream(64),), stream(64)),
    "instance-norm": Case(GroupNorm(20, 0.0, 2000.0), ONE, stream(20)),
    "norm-of-all": Case(GroupNorm(1, 1e3, 5000.0), ONE, stream(20)),
    "pad-zeros": Case(Pad("zeros", 1, 2, 3, 0), ONE, stream(20)),
    "pad-reflect": Case(Pad("reflect", 4, 2, 1, 7), ONE, stream(20)),
    "pad-replicate": Case(Pad("replicate", 0, 3, 1, 1), ONE, stream(20)),
    "pad-to-multiple": Case(PadToMultiple(8, "reflect"), ONE, stream(20)),
    "pad-to-multiple-zeros": Case(PadToMultiple(3, "zeros"), ONE, stream(20)),
    "crop": Case(Crop(1, 2), ONE, stream(20), grid=4, extent=lambda h, w: (h - 3, w - 2)),
    "subsample": Case(Subsample(1, 2), ONE, stream(20), grid=2),
    "roll": Case(Roll(-3, 2), ONE, stream(20)),
    "concat-scaled": Case(
        Concat((16, 0, 3), (16, 20, 5), [0.3, 1.0, 1.7]), (stream(36), stream(20), stream(9)), stream(41)
    ),
    "fused-gate": Case(gate(), (stream(20), stream(20), stream(20)), stream(20), (-128, 127), more=(("codes", 20),)),
    "fused-part": Case(part_encoded(), (stream(36), ("pixel", 20)), ("codes", 20), (-32, 31), more=(("codes", 20),)),
    "to-picture": Case(ToPicture(numbers(3, 0.1), [9000, 1000, -500]), (stream(3),), ("picture", 3)),
    "to-picture-shuffled": Case(ToPicture(numbers(3, 0.1), [9000, 0, -500], 3), (stream(27),), ("picture", 3)),
    "to-picture-4": Case(ToPicture(numbers(3, 0.1), [9000, 0, -500], 4), (stream(48),), ("picture", 3)),
    "to-picture-cropped": Case(
        ToPicture(numbers(3, 0.1), [9000, 0, -500], 4, cropped=True), (stream(48),), ("picture", 3),
        extent=lambda h, w: (4 * h - 2, 4 * w - 3),
    ),
    "to-picture-added": Case(
        ToPicture(numbers(3, 0.1), [9000, 0, -500], 2, 70), (stream(12), ("picture", 3)), ("picture", 3)
    ),
    "to-grey-picture": Case(
        ToPicture([0.02], [300], 2, 70, 2), (stream(4), ("picture", 1)), ("picture", 1), grid=2, divisors=(1, 2)
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Compiled:
    """A case's kernel on one device.

    Attributes:
        function: of the kernel's PrimFunc, called with arrays.
        wide: maps are slices of maps that are a channel block wider on either side.
        halo: of maps of codes.
    """

    case: Case
    layout: Layout
    device: str
    compile: Callable[[Any], Callable[..., None]]
    wide: bool = False
    halo: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "kernel", self.made())
        object.__setattr__(self, "function", self.compile(self.kernel.function))

    def made(self) -> StepKernel:
        first, *more = self.outputs
        return step_kernel(self.case.step, self.sources, first, self.layout, self.device, tuple(more))

    @property
    def sources(self) -> tuple[StoredMap, ...]:
        return tuple(self.stored(*described) for described in self.case.inputs)

    @property
    def output(self) -> StoredMap:
        return self.stored(*self.case.output)

    @property
    def outputs(self) -> list[StoredMap]:
        return [self.stored(*described) for described in (self.case.output, *self.case.more)]

    def stored(self, kind: str, channels: int) -> StoredMap:
        if kind == "picture":
            return StoredMap(kind, channels, channels, 0, "uint8")
        block, padded = self.layout.channel_block, self.layout.padded(channels)
        wide = {"stored": padded + 2 * block, "offset": block} if self.wide else {"stored": padded}
        if kind == "codes":
            halo = self.halo if self.layout.has_halo else 0
            described = StoredMap(kind, channels, padded, halo, self.layout.storage, *self.case.codes)
        else:
            described = StoredMap("stream", channels, padded, 0, "int16")
        return replace(described, **wide)


def draw(kind: str, channels: int, height: int, width: int, codes: tuple[int, int], random: np.random.Generator) -> NDArray:
    """(C, H, W) int32, a third of the values at the ends of the range."""
    low, high = {"picture": (0, 255), "codes": codes}.get(kind, (-32768, 32767))
    drawn = random.integers(low, high + 1, (channels, height, width))
    drawn = np.where(random.random(drawn.shape) < 0.3, drawn // 256, drawn) if kind in ("stream", "pixel") else drawn
    at_end = random.random(drawn.shape) < random.choice([0, 0.3, 1])
    return np.where(at_end, random.choice([low, high], drawn.shape), drawn).astype(np.int32)


def image(
    values: NDArray, described: StoredMap, layout: Layout, random: np.random.Generator, outside: NDArray | int = 0
) -> NDArray:
    """Values in memory, everything else random."""
    _, height, width = values.shape
    halo, slots = described.halo, slice(described.offset, described.offset + described.channels)
    shape = (height + 2 * halo, width + 2 * halo, described.stored)
    memory = random.integers(np.iinfo(described.dtype).min, np.iinfo(described.dtype).max + 1, shape).astype(described.dtype)
    stored = np.moveaxis(values, 0, -1)
    if described.kind == "codes":
        stored = layout.store(stored, layout.shift(described.low, described.high))
    memory[halo : halo + height, halo : halo + width, slots] = stored
    return memory


def check(compiled: Compiled, height: int, width: int, seed: int, strips: tuple[int, ...] = ()) -> None:
    """Run a case's kernel on random maps whose first input has (about) an extent; for steps that work row by row, on strips
    that begin at rows ``strips``.

    Raises:
        AssertionError: a value is wrong, or something else was written.
    """
    case, random = compiled.case, np.random.default_rng(seed)
    height, width = height * case.grid, width * case.grid
    inputs = [
        draw(kind, channels, *((1, 1) if kind == "pixel" else (height // d, width // d)), case.codes, random)
        for (kind, channels), d in zip(case.inputs, case.divisors)
    ]
    extent = case.extent(height, width) if case.extent else None
    expected = [value.numpy() for value in case.step.run_all([torch.from_numpy(value) for value in inputs], extent)]
    images = [image(value, m, compiled.layout, random) for value, m in zip(inputs, compiled.sources)]
    _, rows, columns = expected[0].shape
    placed = [place((rows + 2 * m.halo, columns + 2 * m.halo, m.stored), m.dtype) for m in compiled.outputs]
    ends = [0, *(row for row in strips if 0 < row < height), height]
    for begin, end in zip(ends, ends[1:]) if not case.step.rows.whole else [(0, height)]:
        run_strip(compiled, images, [made.image for made in placed], begin, end)
    assert all(made.guards_hold() for made in placed), f"{compiled.kernel.name} wrote outside its output"
    for number, (made, values) in enumerate(zip(placed, expected, strict=True)):
        compare(compiled, made.image, values, number)


def run_strip(compiled: Compiled, images: list[NDArray], outputs: list[NDArray], begin: int, end: int) -> None:
    step, arguments = compiled.case.step, []
    for number, (memory, described) in enumerate(zip(images, compiled.sources)):
        whole = step.rows.whole or number in step.single_pixels
        arguments.append(place_copy(memory if whole else memory[begin : end + 2 * described.halo]).image)
    factor = step.rows.factor
    whole = step.rows.whole
    parts = [
        output if whole else output[begin * factor : end * factor + 2 * m.halo]
        for output, m in zip(outputs, compiled.outputs, strict=True)
    ]
    arguments += [tvm.runtime.tensor(np.ascontiguousarray(constant)) for constant in compiled.kernel.constants]  # aligned
    compiled.function(*(tvm_ffi.from_dlpack(argument) for argument in [*arguments, *parts]))


def compare(compiled: Compiled, memory: NDArray, expected: NDArray, number: int = 0) -> None:
    output, layout = compiled.outputs[number], compiled.layout
    _, rows, columns = expected.shape
    halo, padded = output.halo, output.channels if output.kind == "picture" else layout.padded(output.channels)
    poison = np.full(memory.shape, np.frombuffer(bytes([POISON] * memory.itemsize), memory.dtype)[0])
    wanted, known = poison.copy(), np.ones(memory.shape, bool)
    slots = slice(output.offset, output.offset + output.channels)
    values = np.moveaxis(expected, 0, -1)
    if output.kind == "codes":
        shift = layout.shift(output.low, output.high)
        step = compiled.case.step
        step = step.members[step.outputs[number]].step if isinstance(step, Fused) else step
        zero = step.outside() if isinstance(step, Encode) else step.zero_point
        wanted[halo : halo + rows, :, slots] = layout.store(zero, shift)
        values = layout.store(values, shift)
    wanted[halo : halo + rows, halo : halo + columns, slots] = values
    known[halo : halo + rows, :, output.offset + output.channels : output.offset + padded] = False
    wrong = np.argwhere((memory != wanted) & known)
    assert len(wrong) == 0, (
        f"{compiled.kernel.name}: {len(wrong)} of {memory.size} values are wrong, the first at {wrong[0].tolist()}: "
        f"{memory[tuple(wrong[0])]}, not {wanted[tuple(wrong[0])]}; {compiled.case.step}"
    )
