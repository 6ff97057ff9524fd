"""A program prepared for one picture size on a CPU: buffers placed, calls bound, nothing allocated per picture."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_srq.errors import UserError
from tvm_srq.execution.ffi import ffi
from tvm_srq.execution.memory import Placement, place_storages
from tvm_srq.execution.strips import Call, Rows, groups_of, plan_passes
from tvm_srq.program import ALIGNMENT, FeatureMap, Program

STRIP_PIXELS = 1 << 15  # of the picture's own size, in one pass through the layers before the first pixel shuffle
FINE_STRIP_PIXELS = 1 << 17  # of the largest map, in one pass through the layers from it on
Action = Callable[[], None]


@dataclass(frozen=True)
class PictureRows:
    """Rows ``begin`` to ``end`` of the picture that comes in, or of the one that goes out."""

    incoming: bool
    begin: int
    end: int


Operand = NDArray | PictureRows
"""A kernel's argument: a constant or part of the block of feature maps, or of a picture, which differs from run to run."""


def strip_pixels(program: Program, picture_pixels: int = STRIP_PIXELS, fine_pixels: int = FINE_STRIP_PIXELS) -> list[int]:
    """Picture pixels that a pass works off, for each group of steps."""
    fine = fine_pixels // max(m.scale or 1 for m in program.maps) ** 2
    return [picture_pixels, fine] if len(groups_of(program)) == 2 else [fine]


def strip_rows(
    program: Program, height: int, width: int, picture_pixels: int = STRIP_PIXELS, fine_pixels: int = FINE_STRIP_PIXELS
) -> list[int]:
    """Picture rows that a pass works off, for each group of steps; all where the program is not executed in strips."""
    if not program.in_strips:
        return [height]
    rows = [max(2 * round(area / width / 2), 4) for area in strip_pixels(program, picture_pixels, fine_pixels)]
    return [height if height <= 1.5 * count else count for count in rows]


class HostExecution:
    """Runs a program on pictures of one size.

    Args:
        kernel: function by name.
        rows: picture rows per pass, for each group of steps; by default :func:`strip_rows`.

    Attributes:
        size: bytes of the block that holds every feature map.
        stopped: set by another thread, it ends the call that is being made.
    """

    def __init__(
        self, program: Program, kernel: Callable[[str], Any], height: int, width: int, rows: list[int] | None = None
    ):
        self.program, self.height, self.width = program, height, width
        self.counts = Rows(program, height)
        self.passes = plan_passes(program, height, rows or strip_rows(program, height, width))
        self.placements, self.size = place_storages(program, self.passes, height, width)
        self.held = [self.counts.held(work.done) for work in self.passes]
        self.first, self.last = self.storages_by_step("first"), self.storages_by_step("last")
        memory = self.allocate(self.size + ALIGNMENT)
        self.block = memory[-memory.ctypes.data % ALIGNMENT :][: self.size]
        self.kernels = {step.kernel: kernel(step.kernel) for step in program.steps}
        self.picture = self.result = np.empty(0, np.uint8)
        self.maps = {m.storage: m for m in reversed(program.maps)}  # a storage's first map
        self.actions: list[Action] = []
        self.stopped = False
        started: set[int] = set()
        for index in range(len(self.passes)):
            self.prepare_pass(index, started)

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(height, width, C) uint8, contiguous -> (scale * height, scale * width, C) uint8, newly allocated."""
        outgoing = self.program.maps[-1]
        self.picture, self.stopped = picture, False
        self.result = np.empty((outgoing.size(self.height), outgoing.size(self.width), outgoing.channels), np.uint8)
        for action in self.actions:
            if self.stopped:
                raise KeyboardInterrupt
            action()
        return self.result

    def allocate(self, size: int) -> NDArray[np.uint8]:
        try:
            return np.empty(size, np.uint8)
        except (MemoryError, ValueError) as error:
            of = f"a picture of {self.height}x{self.width} pixels"
            raise UserError(f"feature maps of {of} take {size >> 20} MiB, more than there are; give a smaller one") from error

    def storages_by_step(self, end: str) -> list[list[int]]:
        """For every step, the storages whose lifetime has its ``first`` or ``last`` there."""
        storages: list[list[int]] = [[] for _ in self.program.steps]
        for storage, placement in self.placements.items():
            storages[getattr(placement.lifetime, end)].append(storage)
        return storages

    def prepare_pass(self, index: int, started: set[int]) -> None:
        """Append a pass's actions: bring in carried rows, call kernels, write halo rows, save what is carried over."""
        work = self.passes[index]
        calls = {call.step: call for call in work.calls}
        for storage, placement in self.placements.items():
            if placement.lifetime.kept and index > 0:
                self.move_up(storage, placement, index)
        for step in range(work.first, work.last):
            for storage in self.first[step]:
                self.bring_in(storage, self.placements[storage], index, storage not in started)
                started.add(storage)
            if step in calls:
                self.actions.append(self.bind(calls[step], index))
                self.finish_maps(calls[step], index)
            for storage in self.last[step]:
                if not self.placements[storage].lifetime.kept:
                    self.save(storage, self.placements[storage], index)

    def slots(self, placement: Placement, first: int, count: int) -> NDArray[np.uint8]:
        """Bytes of ``count`` rows in memory."""
        begin = placement.offset + first * placement.row_bytes
        return self.block[begin : begin + count * placement.row_bytes]

    def rows_before(self, storage: int, index: int) -> int:
        """The end of a storage's rows before a pass."""
        return self.held[index - 1][storage] if index > 0 else 0

    def move_up(self, storage: int, placement: Placement, index: int) -> None:
        """Rows that are no longer needed make room at the end."""
        bases = placement.lifetime.bases
        shift, count = bases[index] - bases[index - 1], self.rows_before(storage, index) - bases[index]
        if shift > 0 and count > 0:
            self.copy(self.slots(placement, 0, count), self.slots(placement, shift, count))

    def bring_in(self, storage: int, placement: Placement, index: int, new: bool) -> None:
        """Halo rows above the map in its first pass, what was saved in later ones."""
        count = self.rows_before(storage, index) - placement.lifetime.bases[index]
        if new:
            self.fill_halo(self.maps[storage], placement, 0)
        elif not placement.lifetime.kept and count > 0:
            saved = self.block[placement.carry : placement.carry + count * placement.row_bytes]
            self.copy(self.slots(placement, 0, count), saved)

    def save(self, storage: int, placement: Placement, index: int) -> None:
        if index + 1 == len(self.passes):
            return
        bases = placement.lifetime.bases
        count = self.rows_before(storage, index + 1) - bases[index + 1]
        if count > 0:
            saved = self.block[placement.carry : placement.carry + count * placement.row_bytes]
            self.copy(saved, self.slots(placement, bases[index + 1] - bases[index], count))

    def finish_maps(self, call: Call, index: int) -> None:
        """Write the halo rows below maps that this call completes."""
        for output in self.program.steps[call.step].outputs:
            feature_map = self.program.maps[output]
            placement, total = self.placements.get(feature_map.storage), self.counts.totals[output]
            if placement is not None and self.passes[index].done[output] == total:
                self.fill_halo(feature_map, placement, total - placement.lifetime.bases[index])

    def fill_halo(self, feature_map: FeatureMap, placement: Placement, slot: int) -> None:
        if feature_map.halo:
            rows = self.slots(placement, slot, feature_map.halo).view(feature_map.dtype).reshape(-1, feature_map.channels)
            self.copy(rows, np.array(feature_map.outside, feature_map.dtype))

    def copy(self, destination: NDArray, source: NDArray) -> None:
        """Append an action that copies; the two may overlap."""
        self.actions.append(lambda: np.copyto(destination, source))

    def bind(self, call: Call, index: int) -> Action:
        """A kernel call with its arguments made; only the pictures' differ from run to run."""
        kernel, operands = self.kernels[self.program.steps[call.step].kernel], self.operands(call, index)
        arguments = [None if isinstance(operand, PictureRows) else ffi.from_dlpack(operand) for operand in operands]
        pictures = [(at, operand) for at, operand in enumerate(operands) if isinstance(operand, PictureRows)]
        if not pictures:
            return lambda: kernel(*arguments)

        def call_with_pictures() -> None:
            complete = list(arguments)
            for at, rows in pictures:
                complete[at] = ffi.from_dlpack((self.picture if rows.incoming else self.result)[rows.begin : rows.end])
            kernel(*complete)

        return call_with_pictures

    def operands(self, call: Call, index: int) -> list[Operand]:
        """A call's arguments in the order of the kernel's parameters."""

        def operand(kind: str, at: int) -> Operand:
            if kind == "constant":
                return self.program.constants[at]
            ratio = self.counts.steps[call.step].ratios[at]
            return self.rows_of(at, call.begin * ratio, call.end * ratio, index)

        return [operand(*argument) for argument in self.program.steps[call.step].arguments]

    def rows_of(self, index: int, begin: int, end: int, pass_index: int) -> Operand:
        """Rows of a feature map: halo rows above and below them included."""
        feature_map = self.program.maps[index]
        placement = self.placements.get(feature_map.storage)
        if placement is None:
            return PictureRows(index == 0, begin, end)
        slot, count = begin - feature_map.halo - placement.lifetime.bases[pass_index], end - begin + 2 * feature_map.halo
        assert slot >= 0 and slot + count <= placement.lifetime.rows
        columns = feature_map.size(self.width) + 2 * feature_map.halo
        return self.slots(placement, slot, count).view(feature_map.dtype).reshape(count, columns, feature_map.channels)
