"""Products of two streams: gates and attention."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from tvm_srq.steps.arithmetic import float32, rescale
from tvm_srq.steps.step import Step


@dataclass(frozen=True, eq=False)
class Multiply(Step):
    """rescale(a * b, ratio), the product exact in int32.

    Attributes:
        ratio: float32, the product of the inputs' steps over the output's step.
        broadcast: what b is: "none", a map like a; "pixel", one pixel (C, 1, 1) for all of a's; "channel", one channel
            (1, H, W) for all of a's.
    """

    name: ClassVar[str] = "multiply"
    ratio: float
    broadcast: str = "none"

    def __post_init__(self) -> None:
        self._set(ratio=float32(self.ratio, "ratio"))
        self._require(self.broadcast in ("none", "pixel", "channel"), f"no way to broadcast: {self.broadcast}")

    @property
    def single_pixels(self) -> tuple[int, ...]:
        return (1,) if self.broadcast == "pixel" else ()

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 2)
        (channels, *extents), second = inputs[0].shape, tuple(inputs[1].shape)
        expected = {"none": (channels, *extents), "pixel": (channels, 1, 1), "channel": (1, *extents)}[self.broadcast]
        self._require(second == expected, f"the second input is {second}, not {expected}")
        return rescale(inputs[0] * inputs[1], self.ratio)
