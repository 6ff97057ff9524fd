"""What HostExecution does for a picture, recorded: kernel calls and copies over one block of a device's memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tvm_srq.execution.host import Action, HostExecution, PictureRows
from tvm_srq.execution.memory import aligned
from tvm_srq.execution.strips import Call
from tvm_srq.program import Program


@dataclass(frozen=True)
class View:
    """A tensor at ``offset`` bytes in the block."""

    offset: int
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Constant:
    """One of the plan's constants."""

    index: int


@dataclass(frozen=True)
class KernelCall:
    """A kernel's call; ``step`` is its place in the program."""

    step: int
    kernel: str
    arguments: tuple[View | Constant, ...]


@dataclass(frozen=True)
class Copy:
    """Bytes to copy; the two do not overlap."""

    destination: View
    source: View | Constant


@dataclass(frozen=True)
class Plan:
    """A program for pictures of one size.

    Attributes:
        actions: in order.
        constants: the program's, then rows of a halo.
        size: bytes of the block: feature maps, then the picture that comes in, then the one that goes out.
        picture, result: the two pictures.
    """

    actions: tuple[KernelCall | Copy, ...]
    constants: tuple[NDArray, ...]
    size: int
    picture: View
    result: View


class Recorder(HostExecution):
    """Records instead of running. Its block is memory that is never touched, so it takes none."""

    def __init__(self, program: Program, height: int, width: int, rows: list[int] | None = None):
        self.recorded: list[KernelCall | Copy] = []
        self.known = list(program.constants)
        self.halos: dict[bytes, int] = {}
        super().__init__(program, lambda name: name, height, width, rows)

    def copy(self, destination: NDArray, source: NDArray) -> None:
        target = self.inside(destination)
        assert target is not None
        origin = self.inside(source)
        if origin is None:
            self.recorded.append(Copy(flat(target), self.halo(np.broadcast_to(source, destination.shape))))
        else:
            self.recorded += copies(flat(target), flat(origin))

    def bind(self, call: Call, index: int) -> Action:
        step = self.program.steps[call.step]
        arguments = tuple(
            Constant(argument.index) if argument.kind == "constant" else self.view(operand)
            for argument, operand in zip(step.arguments, self.operands(call, index), strict=True)
        )
        self.recorded.append(KernelCall(call.step, step.kernel, arguments))
        return lambda: None

    def view(self, operand: NDArray | PictureRows) -> View:
        """Where rows of a map or a picture lie."""
        if isinstance(operand, PictureRows):
            picture = self.picture_view(operand.incoming)
            row_bytes, shape = picture.shape[1] * picture.shape[2], picture.shape[1:]
            return View(picture.offset + operand.begin * row_bytes, (operand.end - operand.begin, *shape), "uint8")
        inside = self.inside(operand)
        assert inside is not None
        return inside

    def inside(self, array: NDArray) -> View | None:
        """Where an array lies in the block; None if it does not."""
        offset = array.ctypes.data - self.block.ctypes.data
        return View(offset, array.shape, str(array.dtype)) if 0 <= offset < self.size else None

    def halo(self, rows: NDArray) -> Constant:
        """Rows to be copied from a constant."""
        content = rows.tobytes()
        if content not in self.halos:
            self.halos[content] = len(self.known)
            self.known.append(np.frombuffer(content, np.uint8))
        return Constant(self.halos[content])

    def picture_view(self, incoming: bool) -> View:
        first, last = self.program.maps[0], self.program.maps[-1]
        picture = View(aligned(self.size), (self.height, self.width, first.channels), "uint8")
        if incoming:
            return picture
        shape = (last.size(self.height), last.size(self.width), last.channels)
        return View(picture.offset + aligned(picture.size), shape, "uint8")


def record_plan(program: Program, height: int, width: int, rows: list[int] | None = None) -> Plan:
    """The plan for pictures of a size; ``rows`` as for HostExecution."""
    recorder = Recorder(program, height, width, rows)
    picture, result = recorder.picture_view(True), recorder.picture_view(False)
    return Plan(tuple(recorder.recorded), tuple(recorder.known), result.offset + result.size, picture, result)


def flat(view: View) -> View:
    """As bytes."""
    return View(view.offset, (view.size,), "uint8")


def copies(destination: View, source: View) -> Iterator[Copy]:
    """Bytes moved to a lower address, in pieces that do not overlap where the whole does."""
    distance = source.offset - destination.offset
    assert distance > 0 or -distance >= destination.size
    piece = min(distance, destination.size) if distance > 0 else destination.size
    for begin in range(0, destination.size, piece):
        shape = (min(piece, destination.size - begin),)
        yield Copy(View(destination.offset + begin, shape, "uint8"), View(source.offset + begin, shape, "uint8"))
