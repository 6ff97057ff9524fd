"""A program prepared for one picture size on a GPU: whole feature maps in one block of its memory, kernels one by one."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tvm_srq.execution.memory import place_storages
from tvm_srq.execution.strips import groups_of, plan_passes
from tvm_srq.program import Program


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
        passes = plan_passes(program, height, [height] * len(groups_of(program)))
        placements, self.size = place_storages(program, passes, height, width)
        block = memory.allocate(max(self.size, 1))
        constants = [memory.upload(array) for array in program.constants]
        shapes = [(m.scale * height, m.scale * width, m.channels) for m in program.maps]
        self.maps = [
            memory.view(block, placements[m.storage].offset, shape, m.dtype) if m.storage in placements else None
            for m, shape in zip(program.maps, shapes, strict=True)
        ]
        result = memory.allocate(int(np.prod(shapes[-1])))
        self.maps[-1] = memory.view(result, 0, shapes[-1], "uint8")
        kernels = {step.kernel: kernel(step.kernel) for step in program.steps}
        self.calls = [(kernels[step.kernel], *self.arguments(index, constants)) for index, step in enumerate(program.steps)]

    def arguments(self, index: int, constants: list[Any]) -> tuple[bool, list[Any]]:
        """Whether a step reads the incoming picture, and its arguments but for that."""
        step = self.program.steps[index]
        storages = {self.program.maps[output].storage for output in step.outputs}
        separate = step.skip >= 0 and self.program.maps[step.skip].storage not in storages
        source = [] if step.source == 0 else [self.maps[step.source]]
        skip = [self.maps[step.skip]] if separate else []
        return step.source == 0, [*source, *(constants[c] for c in step.constants), *skip, *(self.maps[o] for o in step.outputs)]

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(height, width, 3) uint8 -> (scale * height, scale * width, 3) uint8."""
        uploaded = self.memory.upload(picture)
        for kernel, reads_picture, arguments in self.calls:
            kernel(*([uploaded, *arguments] if reads_picture else arguments))
        return self.memory.download(self.maps[-1])
