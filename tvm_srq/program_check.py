"""Whether a program that was read from a file is one: maps, steps and constants against each other, before memory is taken.

What remains is between a step's arguments and its kernel's parameters: kernels check the shapes that they are given themselves.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tvm_srq.program import FeatureMap, Program, Step

LARGEST = 1 << 20  # of a channel count, a factor or a number of rows
MOST_BYTES = 1 << 29  # of all maps together for a small picture
SMALL = 16  # rows and columns of a small picture, or as many as the network needs
MAP_DTYPES = ("uint8", "int8", "int16", "int32", "float32")
PICTURE_CHANNELS = (1, 3)


def check_program(program: Program) -> Program:
    """The same.

    Raises:
        ValueError: parts do not fit each other, in words.
    """
    for problem in problems(program):
        raise ValueError(problem)
    return program


def problems(program: Program) -> Iterator[str]:
    """What does not fit, the first of it being enough."""
    if len(program.maps) < 2 or not program.steps:
        yield "it has no maps or no steps"
    for index, each in enumerate(program.maps):
        yield from map_problems(f"map {index}", each, len(program.maps))
    yield from end_problems(program)
    yield from storage_problems(program)
    yield from step_problems(program)
    if not 1 <= program.smallest <= LARGEST:
        yield f"its smallest picture has {program.smallest} rows"
    yield from size_problems(program)


def map_problems(name: str, each: FeatureMap, count: int) -> Iterator[str]:
    for multiply, add, divide in each.extent:
        if not (0 <= multiply <= LARGEST and -LARGEST <= add <= LARGEST and 1 <= divide <= LARGEST):
            yield f"{name} has rows that cannot be counted"
    if each.dtype not in MAP_DTYPES:
        yield f"{name} is of an unknown type"
        return
    if not 1 <= each.channels <= LARGEST or not 0 <= each.halo <= LARGEST or not 0 <= each.storage < count:
        yield f"{name} has channels, a halo or a storage that cannot be"
    if len(each.outside) != (each.channels if each.halo else 0):
        yield f"{name} has {len(each.outside)} values outside for {each.channels} channels"
    ends = np.iinfo(each.dtype) if each.dtype != "float32" else None
    if ends is not None and not all(ends.min <= value <= ends.max for value in each.outside):
        yield f"{name} has values outside that are none of its type"


def end_problems(program: Program) -> Iterator[str]:
    """Of the pictures that come in and go out."""
    first, last = program.maps[0], program.maps[-1]
    for each in (first, last):
        if (each.dtype, each.halo) != ("uint8", 0) or each.channels not in PICTURE_CHANNELS:
            yield "its first or last map is no picture"
    if first.extent or last.scale is None:
        yield "its pictures' sizes are no whole multiples"
    if sum(each.storage in (first.storage, last.storage) for each in program.maps) != 2:
        yield "its pictures share memory with other maps"


def storage_problems(program: Program) -> Iterator[str]:
    """Maps that share memory are alike."""
    alike: dict[int, FeatureMap] = {}
    for index, each in enumerate(program.maps):
        if alike.setdefault(each.storage, each) != each:
            yield f"map {index} shares memory with a map of another shape"


def step_problems(program: Program) -> Iterator[str]:
    """Every step reads what was made before, and no map is made twice."""
    made = {0}
    for index, step in enumerate(program.steps):
        name = f"step {index}"
        yield from argument_problems(name, step, program)
        if not step.outputs or not all(0 < output < len(program.maps) for output in step.outputs):
            yield f"{name} makes no maps, or such that are not there"
        if len({*made, *step.outputs}) != len(made) + len(step.outputs):
            yield f"{name} makes a map that is there already"
        if not all(map_ in made and 0 <= reach <= LARGEST for map_, reach in step.reads):
            yield f"{name} reads what no step before it makes"
        made |= set(step.outputs)
    if len(made) != len(program.maps):
        yield "it has maps that no step makes"


def argument_problems(name: str, step: Step, program: Program) -> Iterator[str]:
    used = set(step.maps)
    for kind, index in step.arguments:
        if kind not in ("map", "constant"):
            yield f"{name} has arguments of an unknown kind"
        elif kind == "constant" and not 0 <= index < len(program.constants):
            yield f"{name} has a constant that is not there"
        elif kind == "map" and index not in used:
            yield f"{name} is given a map that it neither reads nor makes"


def size_problems(program: Program) -> Iterator[str]:
    """No map is empty, or large beyond measure."""
    side, storages = max(program.smallest, SMALL), {each.storage: each for each in program.maps}
    if any(each.size(program.smallest) < 1 for each in program.maps):
        yield f"its maps are empty for pictures of {program.smallest} rows"
    total = sum((each.size(side) + 2 * each.halo) ** 2 * each.pixel_bytes for each in storages.values())
    if side <= 8 * SMALL and total > MOST_BYTES:
        yield f"its maps take {total >> 20} MiB for a picture of {side} x {side}"
