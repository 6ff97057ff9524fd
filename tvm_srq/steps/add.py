"""Addition of two streams, each brought to the step of the result first."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from tvm_srq.steps.arithmetic import clip_stream, float32, rescale
from tvm_srq.steps.step import Step


@dataclass(frozen=True, eq=False)
class Add(Step):
    """clip_stream(rescale(a, ratio_a) + rescale(b, ratio_b)).

    Attributes:
        ratio_a, ratio_b: float32, an input's step over the output's.
        single_pixel: "none", or the input, "a" or "b", that is one pixel (C, 1, 1) added to all of the other's.
    """

    name: ClassVar[str] = "add"
    ratio_a: float = 1.0
    ratio_b: float = 1.0
    single_pixel: str = "none"

    def __post_init__(self) -> None:
        self._set(ratio_a=float32(self.ratio_a, "ratio_a"), ratio_b=float32(self.ratio_b, "ratio_b"))
        self._require(self.single_pixel in ("none", "a", "b"), f"no input is called {self.single_pixel}")

    @property
    def single_pixels(self) -> tuple[int, ...]:
        return {"none": (), "a": (0,), "b": (1,)}[self.single_pixel]

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 2)
        check_shapes(self, inputs)
        return clip_stream(rescale(inputs[0], self.ratio_a) + rescale(inputs[1], self.ratio_b))


def check_shapes(step: Step, inputs: list[Tensor]) -> None:
    """Raises:
    ValueError: channels differ, or extents of inputs that are not single pixels.
    """
    single = step.single_pixels
    extents = {tuple(value.shape[1:]) for number, value in enumerate(inputs) if number not in single}
    pixels = {tuple(inputs[number].shape[1:]) for number in single}
    if len({len(value) for value in inputs}) != 1 or len(extents) != 1 or not pixels <= {(1, 1)}:
        raise ValueError(f"{step.name}: shapes do not match: {[tuple(value.shape) for value in inputs]}")
