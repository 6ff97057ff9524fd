"""What stays in float32 between integer steps."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tvm_srq.floats.evaluate import evaluate
from tvm_srq.floats.program import Program
from tvm_srq.steps.arithmetic import float32, floats, rescale
from tvm_srq.steps.step import Step


@dataclass(frozen=True, eq=False)
class FloatProgram(Step):
    """rint(clip_stream(p * gain)), p the program's float32 result of the inputs' values, float32(s) * unit.

    The one step whose results may differ between targets: the order of sums and the functions' last bits are a target's own.
    What is no number becomes 0.

    Attributes:
        program: its text (tvm_srq.floats.program).
        unit: float32, the step of each input.
        gain: float32, 1 / the output's step.
        constants: float32, the program's, one behind the other.
    """

    name: ClassVar[str] = "float"
    whole_rows: ClassVar[bool] = True
    program: str
    unit: NDArray[np.float32]
    gain: float
    constants: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    def __post_init__(self) -> None:
        self._set(unit=floats(self.unit, "unit"), gain=float32(self.gain, "gain"), constants=floats(self.constants, "constants"))
        self._require(self.parsed.inputs == len(self.unit), f"{len(self.unit)} units of {self.parsed.inputs} inputs")
        self._require(self.parsed.size == len(self.constants), f"{len(self.constants)} constants of {self.parsed.size}")

    @cached_property
    def parsed(self) -> Program:
        return Program.of(self.program)

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, len(self.unit))
        values = [value.float() * float(unit) for value, unit in zip(inputs, self.unit, strict=True)]
        made = evaluate(self.parsed, values, torch.from_numpy(self.constants) if self.constants.size else None)
        return rescale(torch.nan_to_num(made, nan=0.0, posinf=float("inf"), neginf=float("-inf")), self.gain)
