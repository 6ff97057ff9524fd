"""A program prepared for one picture size on a GPU: whole feature maps in one block of its memory, kernels one by one."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tvm_srq.execution.memory import place_storages
from tvm_srq.execution.strips import whole_pass
from tvm_srq.program import Argument, Program

PICTURE = Argument("map", 0)


class Memory(Protocol):
    """A device's memory; tensors are whatever its kernels take."""

    def allocate(self, size: int) -> Any:
        """A block of ``size`` bytes."""

    def view(self, block: Any, offset: int, shape: tuple[int, ...], dtype: str) -> Any:
        """A tensor inside a block."""

    def upload(self, array: NDArray) -> Any:
        """A tensor with an array's values."""

    def download(self, tensor: Any) -> NDArray:
        """A tensor's values; waits for the kernels that make them."""


class DeviceExecution:
    """Runs a program on pictures of one size. Arguments as for HostExecution; kernels check borders themselves."""

    def __init__(self, program: Program, kernel: Callable[[str], Any], memory: Memory, height: int, width: int):
        self.program, self.memory, self.height, self.width = program, memory, height, width
        placements, self.size = place_storages(program, [whole_pass(program, height)], height, width)
        block = memory.allocate(max(self.size, 1))
        self.constants = [memory.upload(array) for array in program.constants]
        shapes = [(m.size(height), m.size(width), m.channels) for m in program.maps]
        self.maps = [
            memory.view(block, placements[m.storage].offset, shape, m.dtype) if m.storage in placements else None
            for m, shape in zip(program.maps, shapes, strict=True)
        ]
        result = memory.allocate(int(np.prod(shapes[-1])))
        self.maps[-1] = memory.view(result, 0, shapes[-1], "uint8")
        kernels = {step.kernel: kernel(step.kernel) for step in program.steps}
        self.calls = [(kernels[step.kernel], *self.bind(step.arguments)) for step in program.steps]

    def bind(self, arguments: tuple[Argument, ...]) -> tuple[list[Any], list[int]]:
        """A step's arguments, and where among them the picture belongs that differs from run to run."""
        tensors = [self.constants[at] if kind == "constant" else self.maps[at] for kind, at in arguments]
        return tensors, [place for place, argument in enumerate(arguments) if argument == PICTURE]

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(height, width, C) uint8 -> (scale * height, scale * width, C) uint8."""
        uploaded = self.memory.upload(picture)
        for kernel, tensors, places in self.calls:
            arguments = list(tensors)
            for place in places:
                arguments[place] = uploaded
            kernel(*arguments)
        return self.memory.download(self.maps[-1])
