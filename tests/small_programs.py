"""Small programs of any shape around one kernel, ``mix``, in Python here and in C in tests/package/mix.c.

``mix(parameters, source, ..., output)`` adds up its sources around each place, modulo 256, and writes the sums to some channels
of the output. The parameters, int32: sources, the output's halo, its first and number of channels to write, the value of the
halo's first channel (the next one's is one more), whether the output's own values are summands; then for every source its halo,
reach, and channels to read. Rows of a source are spread over those of the output.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tvm_srq.program import Argument, FeatureMap, Program, Read, Step, apply_extent

HEAD, PER_SOURCE = 6, 3
DOUBLE, HALF, PADDED, ONE = ((2, 0, 1),), ((1, 1, 2),), ((1, 2, 3), (3, 0, 1)), ((0, 1, 1),)


def mix(parameters, *tensors) -> None:
    """The kernel; anything with DLPack."""
    numbers = [int(number) for number in np.from_dlpack(parameters)]
    *sources, output = (np.from_dlpack(tensor) for tensor in tensors)
    count, halo, first, channels, outside, adds = numbers[:HEAD]
    assert count == len(sources)
    height, width = output.shape[0] - 2 * halo, output.shape[1] - 2 * halo
    inside = output[halo : halo + height, halo : halo + width, first : first + channels]
    total = inside.astype(np.int64) if adds else np.zeros(inside.shape, np.int64)
    for index, source in enumerate(sources):
        its_halo, reach, its_channels = numbers[HEAD + PER_SOURCE * index :][:PER_SOURCE]
        total += (index + 1) * gather(source, its_halo, reach, height, width)[..., np.arange(channels) % its_channels]
    inside[:] = total & 255
    if halo:
        edges = output[halo : halo + height, :, first : first + channels]
        edges[:, :halo] = edges[:, -halo:] = (outside + first + np.arange(channels)) & 255


def gather(source: NDArray, halo: int, reach: int, height: int, width: int) -> NDArray[np.int64]:
    """Sums over the rows that belong to each of ``height``, and ``reach`` more above and below, one column further each."""
    rows, columns = source.shape[0] - 2 * halo, source.shape[1] - 2 * halo
    ys, xs = np.arange(height) * rows // height, np.arange(width) * columns // width
    total = np.zeros((height, width, source.shape[2]), np.int64)
    for row in range(-reach, max(rows // height, 1) + reach):
        column = min(max(row, -reach), reach)
        total += source[np.ix_(ys + row + halo, xs + column + halo)]
    return total


def kernel(name: str) -> Callable[..., None]:
    """What HostExecution asks for."""
    return mix


@dataclass
class Value:
    """A map that later steps may read: one map, or parts of a wide one so far.

    Attributes:
        written: channels, the first ones.
    """

    parts: tuple[int, ...]
    written: int
    readers: int = 0


@dataclass
class Builder:
    """Makes a program step by step."""

    channels: int = 3
    maps: list[FeatureMap] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    constants: list[NDArray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.maps.append(FeatureMap((), self.channels, "uint8", 0, (), 0))
        self.picture = Value((0,), self.channels)

    def add(
        self, sources: list[Value], reaches: list[int], extent=(), channels: int = 2, dtype: str = "uint8", halo: int = 0,
        over: Value | None = None, part_of: Value | None = None, total: int = 0, whole: bool = False,
    ) -> Value:  # fmt: skip
        """A step.

        Args:
            over: is read, and written over.
            part_of: the new map is a further part of it.
            total: channels of the (wide) map, more than those written now.
        """
        index, beside = len(self.maps), over or part_of
        outside = 7 * index % 256 if beside is None else -1
        if beside is None:
            values = tuple((outside + channel) & 255 for channel in range(max(total, channels)))
            storage = 1 + max(m.storage for m in self.maps)
            made = FeatureMap(extent, max(total, channels), dtype, halo, values if halo else (), storage)
        else:
            made = self.maps[beside.parts[-1]]
            outside, channels = made.outside[0] if made.halo else 0, over.written if over else channels
        first = part_of.written if part_of else 0
        self.maps.append(made)
        numbers = [len(sources), made.halo, first, channels, outside, int(over is not None)]
        for source, reach in zip(sources, reaches, strict=True):
            numbers += [self.maps[source.parts[-1]].halo, reach, source.written]
        self.constants.append(np.array(numbers, np.int32))
        reads: dict[int, int] = {}
        for value, reach in [*zip(sources, reaches, strict=True), *([(over, 0)] if over else [])]:
            value.readers += 1
            reads |= {part: max(reach, reads.get(part, 0)) for part in value.parts}
        arguments = [Argument("constant", len(self.constants) - 1)]
        arguments += [Argument("map", map_index) for map_index in (*(s.parts[-1] for s in sources), index)]
        name, needed = f"layer{len(self.steps)}", tuple(Read(*read) for read in reads.items())
        self.steps.append(Step(name, "mix", tuple(arguments), needed, (index,), whole))
        return Value((*(part_of.parts if part_of else ()), index), first + channels)

    def build(self, smallest: int = 1) -> Program:
        return Program(tuple(self.maps), tuple(self.steps), tuple(self.constants), smallest)


def random_program(choose: Callable[[int, int], int], in_strips: bool, most_halo: int = 2) -> Program:
    """A program of 3 to 9 steps; ``choose(low, high)`` decides, both ends included."""
    builder = Builder(channels=(1, 3)[choose(0, 1)])
    values, wide = [builder.picture], None
    for _ in range(choose(2, 8)):
        sources = [values[choose(0, len(values) - 1)] for _ in range(choose(1, 3))]
        maps = [builder.maps[source.parts[-1]] for source in sources]
        reaches = [choose(0, m.halo) for m in maps]
        unread = [v for v in values[1:] if v.readers == 0 and is_whole(v, values) and v is not wide and v not in sources]
        kind = choose(0, 4)
        room = 0 if wide is None else builder.maps[wide.parts[-1]].channels - wide.written
        if kind == 1 and unread:
            over = unread[choose(0, len(unread) - 1)]
            values[values.index(over)] = builder.add(sources, reaches, over=over)
        elif kind == 2 and room > 0:
            wide = builder.add(sources, reaches, channels=choose(1, min(2, room)), part_of=wide)
            values.append(wide)
        else:
            extent = maps[choose(0, len(maps) - 1)].extent
            if in_strips:
                extent = ((), DOUBLE, (*DOUBLE, *DOUBLE))[choose(0, 2)]
            else:
                extent = (*extent, *((), DOUBLE, HALF, PADDED, ONE)[choose(0, 4)])
            made = builder.add(
                sources, reaches, extent, choose(1, 3), ("uint8", "int16")[choose(0, 1)], choose(0, most_halo),
                total=6 if kind == 3 else 0, whole=not in_strips and choose(0, 3) == 0,
            )  # fmt: skip
            wide = made if kind == 3 else wide
            values.append(made)
    last = values[-3:]
    builder.add(last, [0] * len(last), ((), DOUBLE)[choose(0, 1)], builder.channels)
    return builder.build()


def is_whole(value: Value, values: list[Value]) -> bool:
    """Whether it is one map that no wider value contains: written over, a part would be one map for its readers, another for
    the wide value's."""
    return len(value.parts) == 1 and not any(value.parts[0] in other.parts for other in values if other is not value)


def evaluate(program: Program, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Every step once, over whole maps that share no memory but within a storage."""
    height, width = picture.shape[:2]
    memory: dict[int, NDArray] = {program.maps[0].storage: picture}
    for m in program.maps[1:]:
        if m.storage not in memory:
            shape = [apply_extent(m.extent, size) + 2 * m.halo for size in (height, width)]
            memory[m.storage] = np.zeros((*shape, m.channels), m.dtype)
            if m.halo:
                memory[m.storage][: m.halo] = memory[m.storage][-m.halo :] = np.array(m.outside, m.dtype)
    for step in program.steps:
        mix(*(program.constants[at] if kind == "constant" else memory[program.maps[at].storage] for kind, at in step.arguments))
    return memory[program.maps[-1].storage]


def noise(height: int, width: int, channels: int) -> NDArray[np.uint8]:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, channels), np.uint8)
