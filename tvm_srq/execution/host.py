"""A program prepared for one picture size on a CPU: buffers placed, calls bound, nothing allocated per picture."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_srq.execution.ffi import ffi
from tvm_srq.execution.memory import Placement, held_until, place_storages
from tvm_srq.execution.strips import Call, groups_of, plan_passes
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
    fine = fine_pixels // max(m.scale for m in program.maps) ** 2
    return [picture_pixels, fine] if len(groups_of(program)) == 2 else [fine]


def strip_rows(
    program: Program, height: int, width: int, picture_pixels: int = STRIP_PIXELS, fine_pixels: int = FINE_STRIP_PIXELS
) -> list[int]:
    """Picture rows that a pass works off, for each group of steps."""
    rows = [max(2 * round(area / width / 2), 4) for area in strip_pixels(program, picture_pixels, fine_pixels)]
    return [height if height <= 1.5 * count else count for count in rows]


class HostExecution:
    """Runs a program on pictures of one size.

    Args:
        kernel: function by name.
        rows: picture rows per pass, for each group of steps; by default :func:`strip_rows`.

    Attributes:
        size: bytes of the block that holds every feature map.
    """

    def __init__(
        self, program: Program, kernel: Callable[[str], Any], height: int, width: int, rows: list[int] | None = None
    ):
        self.program, self.height, self.width = program, height, width
        self.passes = plan_passes(program, height, rows or strip_rows(program, height, width))
        self.placements, self.size = place_storages(program, self.passes, height, width)
        memory = np.empty(self.size + ALIGNMENT, np.uint8)
        self.block = memory[-memory.ctypes.data % ALIGNMENT :][: self.size]
        self.kernels = {step.kernel: kernel(step.kernel) for step in program.steps}
        self.picture = self.result = np.empty(0, np.uint8)
        self.maps = {m.storage: m for m in reversed(program.maps)}  # a storage's first map
        self.actions: list[Action] = []
        started: set[int] = set()
        for index in range(len(self.passes)):
            self.prepare_pass(index, started)

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(height, width, 3) uint8, contiguous -> (scale * height, scale * width, 3) uint8, newly allocated."""
        scale = self.program.scale
        self.picture, self.result = picture, np.empty((scale * self.height, scale * self.width, 3), np.uint8)
        for action in self.actions:
            action()
        return self.result

    def prepare_pass(self, index: int, started: set[int]) -> None:
        """Append a pass's actions: bring in carried rows, call kernels, write halo rows, save what is carried over."""
        work = self.passes[index]
        calls = {call.step: call for call in work.calls}
        for placement in self.placements.values():
            if placement.lifetime.kept and index > 0:
                self.move_up(placement, index)
        for step in range(work.first, work.last):
            for storage, placement in self.placements.items():
                if placement.lifetime.first == step:
                    self.bring_in(storage, placement, index, storage not in started)
                    started.add(storage)
            if step in calls:
                self.actions.append(self.bind(calls[step], index))
                self.finish_maps(calls[step], index)
            for storage, placement in self.placements.items():
                if placement.lifetime.last == step and not placement.lifetime.kept:
                    self.save(storage, placement, index)

    def slots(self, placement: Placement, first: int, count: int) -> NDArray[np.uint8]:
        """Bytes of ``count`` rows in memory."""
        begin = placement.offset + first * placement.row_bytes
        return self.block[begin : begin + count * placement.row_bytes]

    def rows_before(self, storage: int, index: int) -> int:
        """The end of a storage's rows before a pass."""
        return held_until(self.program, self.passes[index - 1], storage, self.height) if index > 0 else 0

    def move_up(self, placement: Placement, index: int) -> None:
        """Rows that are no longer needed make room at the end."""
        storage = next(s for s, p in self.placements.items() if p is placement)
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
            placement = self.placements.get(feature_map.storage)
            if placement is not None and self.passes[index].done[output] == feature_map.scale * self.height:
                end = feature_map.scale * self.height - placement.lifetime.bases[index]
                self.fill_halo(feature_map, placement, end)

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
        """A call's arguments in the order of the kernel's parameters: source, constants, skip unless in place, outputs."""
        step = self.program.steps[call.step]
        rows = call.begin * step.shuffle, call.end * step.shuffle
        skips = [step.skip] if step.skip >= 0 and not self.in_place(step.skip, step.outputs) else []
        return [
            self.rows_of(step.source, call.begin, call.end, index),
            *(self.program.constants[constant] for constant in step.constants),
            *(self.rows_of(written, *rows, index) for written in (*skips, *step.outputs)),
        ]

    def in_place(self, skip: int, outputs: tuple[int, ...]) -> bool:
        return any(self.program.maps[o].storage == self.program.maps[skip].storage for o in outputs)

    def rows_of(self, index: int, begin: int, end: int, pass_index: int) -> Operand:
        """Rows of a feature map: halo rows above and below them included."""
        feature_map = self.program.maps[index]
        placement = self.placements.get(feature_map.storage)
        if placement is None:
            return PictureRows(index == 0, begin, end)
        slot, count = begin - feature_map.halo - placement.lifetime.bases[pass_index], end - begin + 2 * feature_map.halo
        assert slot >= 0 and slot + count <= placement.lifetime.rows
        columns = self.width * feature_map.scale + 2 * feature_map.halo
        return self.slots(placement, slot, count).view(feature_map.dtype).reshape(count, columns, feature_map.channels)
