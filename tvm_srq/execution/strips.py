"""Which rows every kernel call computes: a picture is worked off in strips of rows, and no row is computed twice.

A 3x3 convolution can compute a row once the row below it is there, so every layer runs a little behind the one before
it. What it still needs of its input is carried over to the next strip; memory is bounded by the strip, not the picture.
The layers behind the first pixel shuffle make up to 16 times as many pixels a row; they take each strip in smaller ones.
"""

from dataclasses import dataclass

from tvm_srq.program import Program, Step


@dataclass(frozen=True)
class Call:
    """Rows ``begin`` to ``end`` of a step, counted on the grid of its source (the outputs have ``shuffle`` times as many)."""

    step: int
    begin: int
    end: int


@dataclass(frozen=True)
class Pass:
    """One walk over a group of consecutive steps.

    Attributes:
        first, last: the group's first step and the one behind its last.
        calls: in order; steps without new rows have none.
        done: rows of every feature map that exist afterwards.
    """

    first: int
    last: int
    calls: tuple[Call, ...]
    done: tuple[int, ...]


def groups_of(program: Program) -> list[tuple[int, int]]:
    """Steps in front of the first pixel shuffle, and those from it on, as ranges; one range if there is none."""
    count = len(program.steps)
    split = next((i for i, step in enumerate(program.steps) if step.shuffle > 1), 0)
    return [(0, split), (split, count)] if 0 < split < count else [(0, count)]


def plan_passes(program: Program, height: int, rows: list[int]) -> list[Pass]:
    """The passes for a picture of ``height`` rows.

    Args:
        rows: for each of ``groups_of``, the most picture rows one pass works off.
    """
    done = [0] * len(program.maps)
    passes: list[Pass] = []
    groups = groups_of(program)
    while done[-1] < program.maps[-1].scale * height:
        done[0] = min(height, done[0] + rows[0])
        for (first, last), limit in zip(groups, rows, strict=True):
            while calls := advance(program, range(first, last), height, limit, done):
                passes.append(Pass(first, last, tuple(calls), tuple(done)))
    return passes


def advance(program: Program, steps: range, height: int, limit: int, done: list[int]) -> list[Call]:
    """Let every step compute what it can, at most ``limit`` picture rows; updates ``done``."""
    calls = []
    for index in steps:
        step = program.steps[index]
        scale = program.maps[step.source].scale
        begin = done[step.outputs[0]] // step.shuffle
        end = min(available_rows(program, step, height, done), begin + limit * scale)
        if end < scale * height:
            end -= (end - begin) % 2  # kernels that work on pairs of rows waste nothing
        if end > begin:
            calls.append(Call(index, begin, end))
            for output in step.outputs:
                done[output] = end * step.shuffle
    return calls


def available_rows(program: Program, step: Step, height: int, done: list[int]) -> int:
    """Rows of a step's grid, from the top, whose inputs exist."""
    total = program.maps[step.source].scale * height
    rows = total if done[step.source] == total else done[step.source] - step.reach
    return rows if step.skip < 0 else min(rows, done[step.skip] // step.shuffle)


def needed_from(program: Program, done: tuple[int, ...], height: int) -> list[int]:
    """For every storage, the first row that a later call still reads (halo rows above included); its end if none is.

    Args:
        done: rows of every feature map so far.
    """
    storages = 1 + max(m.storage for m in program.maps)
    ends = [0] * storages
    for feature_map, rows in zip(program.maps, done, strict=True):
        ends[feature_map.storage] = max(ends[feature_map.storage], rows)
    needed = list(ends)
    for step in program.steps:
        next_row = done[step.outputs[0]] // step.shuffle
        if next_row == program.maps[step.source].scale * height:
            continue
        source = program.maps[step.source]
        needed[source.storage] = min(needed[source.storage], next_row - source.halo)
        if step.skip >= 0:
            skip = program.maps[step.skip].storage
            needed[skip] = min(needed[skip], next_row * step.shuffle)
    return needed
