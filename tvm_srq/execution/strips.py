"""Which rows every kernel call computes: a picture is worked off in strips of rows, and no row is computed twice.

A 3x3 convolution can compute a row once the row below it is there, so every layer runs a little behind the one before
it. What it still needs of its input is carried over to the next strip; memory is bounded by the strip, not the picture.
The layers behind the first pixel shuffle make up to 16 times as many pixels a row; they take each strip in smaller ones.

A step's rows are counted on a grid: the rows of the smallest of its maps, of which each other map has a whole multiple. A
program with a step or a map that has no such rows is executed without strips: the grids have one row, all of every map.
"""

from dataclasses import dataclass

from tvm_srq.errors import UserError
from tvm_srq.program import Program, Step


@dataclass(frozen=True)
class Call:
    """Rows ``begin`` to ``end`` of a step, counted on its grid."""

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


@dataclass(frozen=True)
class StepRows:
    """A step's rows.

    Attributes:
        scale: rows of its grid for each row of the picture; 1 without strips.
        total: rows of its grid.
        ratios: by map, its rows for each row of the grid.
    """

    step: Step
    scale: int
    total: int
    ratios: dict[int, int]


class Rows:
    """How rows are counted in pictures of one height.

    Attributes:
        totals: rows of every map.
        steps: of every step, how its rows are counted.
    """

    def __init__(self, program: Program, height: int):
        self.program = program
        self.totals = [m.size(height) for m in program.maps]
        self.steps = [self.of_step(step, height) for step in program.steps]
        self.storages = [m.storage for m in program.maps]

    def of_step(self, step: Step, height: int) -> StepRows:
        if not self.program.in_strips:
            return StepRows(step, 1, 1, {index: self.totals[index] for index in step.maps})
        scale = grid_scale(self.program, step)
        total = scale * height
        return StepRows(step, scale, total, {index: self.totals[index] // total for index in step.maps})

    def begin(self, index: int, done: list[int] | tuple[int, ...]) -> int:
        """The next row of a step's grid."""
        rows = self.steps[index]
        output = rows.step.outputs[0]
        return done[output] // rows.ratios[output]

    def available(self, index: int, done: list[int]) -> int:
        """Rows of a step's grid, from the top, for which all that it reads exists."""
        rows = self.steps[index]
        available = rows.total
        for read, reach in rows.step.reads:
            if done[read] < self.totals[read]:
                available = min(available, (done[read] - reach) // rows.ratios[read])
        return available

    def tops(self, done: tuple[int, ...]) -> list[int]:
        """For every storage, the most rows that one of its maps has."""
        tops = [0] * (1 + max(self.storages))
        for storage, rows in zip(self.storages, done, strict=True):
            tops[storage] = max(tops[storage], rows)
        return tops

    def held(self, done: tuple[int, ...]) -> list[int]:
        """For every storage, the end of its rows; the halo rows below it belong to it once one of its maps is complete."""
        held = self.tops(done)
        for feature_map, total in {m.storage: (m, t) for m, t in zip(self.program.maps, self.totals, strict=True)}.values():
            if held[feature_map.storage] == total:
                held[feature_map.storage] += feature_map.halo
        return held

    def needed(self, done: tuple[int, ...]) -> list[int]:
        """For every storage, the first row that a later call reads or writes (halo rows above included); its end if none."""
        needed, maps = self.tops(done), self.program.maps
        for index, rows in enumerate(self.steps):
            begin = self.begin(index, done)
            if begin == rows.total:
                continue
            for used, ratio in rows.ratios.items():
                storage = maps[used].storage
                needed[storage] = min(needed[storage], begin * ratio - maps[used].halo)
        return needed


def grid_scale(program: Program, step: Step) -> int:
    """Rows of a step's grid for each row of the picture, for a program in strips."""
    return min(scale for index in step.maps if (scale := program.maps[index].scale) is not None)


def groups_of(program: Program) -> list[tuple[int, int]]:
    """Steps in front of the first that makes more rows than it reads (a pixel shuffle), and those from it on; or all steps."""
    count = len(program.steps)
    split = next((index for index, step in enumerate(program.steps) if program.in_strips and upscales(program, step)), 0)
    return [(0, split), (split, count)] if 0 < split < count else [(0, count)]


def upscales(program: Program, step: Step) -> bool:
    grid = grid_scale(program, step)
    return any(program.maps[output].scale != grid for output in step.outputs)


def plan_passes(program: Program, height: int, rows: list[int]) -> list[Pass]:
    """The passes for a picture of ``height`` rows.

    Args:
        rows: for each of ``groups_of``, the most picture rows one pass works off.

    Raises:
        UserError: a step waits for rows that no step before it makes.
    """
    counts = Rows(program, height)
    done = [0] * len(program.maps)
    passes: list[Pass] = []
    groups = groups_of(program)
    while done[-1] < counts.totals[-1]:
        before = len(passes), done[0]
        done[0] = min(height, done[0] + rows[0])
        for (first, last), limit in zip(groups, rows, strict=True):
            while calls := advance(counts, range(first, last), limit, done):
                passes.append(Pass(first, last, tuple(calls), tuple(done)))
        if before == (len(passes), done[0]):
            raise UserError(f"{waiting(counts, done)} waits for rows that no step before it makes; report it")
    return passes


def advance(counts: Rows, steps: range, limit: int, done: list[int]) -> list[Call]:
    """Let every step compute what it can, at most ``limit`` picture rows; updates ``done``."""
    calls = []
    for index in steps:
        rows = counts.steps[index]
        begin = counts.begin(index, done)
        end = min(counts.available(index, done), begin + limit * rows.scale)
        if end < rows.total:
            end -= (end - begin) % 2  # kernels that work on pairs of rows waste nothing
        if end > begin:
            calls.append(Call(index, begin, end))
            for output in rows.step.outputs:
                done[output] = end * rows.ratios[output]
    return calls


def waiting(counts: Rows, done: list[int]) -> str:
    """The first step that is not complete, in words."""
    steps = counts.program.steps
    layers = (step.layer for index, step in enumerate(steps) if counts.begin(index, done) < counts.steps[index].total)
    return f"layer {next(layers, steps[-1].layer)}"


def whole_pass(program: Program, height: int) -> Pass:
    """Every step once, over all rows."""
    counts = Rows(program, height)
    calls = tuple(Call(index, 0, rows.total) for index, rows in enumerate(counts.steps))
    return Pass(0, len(program.steps), calls, tuple(counts.totals))


def check_progress(program: Program) -> None:
    """Whether executing it ends, with a picture.

    Raises:
        UserError: a step waits for what no step before it makes, or reads more rows in strips than a map's halo has; the
            picture that goes out is no whole multiple of the one that comes in; or the smallest picture leaves a map without
            rows.
    """
    if program.maps[-1].scale is None:
        raise UserError("the network's output is no whole multiple of the picture's height and width; such networks do not run")
    for step in program.steps:
        if any(program.maps[index].size(program.smallest) < 1 for index in step.maps):
            raise UserError(f"layer {step.layer} has no rows left for a picture of {program.smallest} rows; report it")
        if program.in_strips and any(reach > program.maps[read].halo for read, reach in step.reads):
            raise UserError(f"layer {step.layer} reads rows beyond the halo of a map; report it")
    for height in (program.smallest, program.smallest + 20):
        plan_passes(program, height, [4] * len(groups_of(program)))
