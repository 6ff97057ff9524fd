"""Some channels of a stream, in any order: splits, chunks, channel shuffles."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from tvm_srq.steps.step import Step


@dataclass(frozen=True, eq=False)
class Select(Step):
    """out[i] = s[channels[i]]."""

    name: ClassVar[str] = "select"
    channels: tuple[int, ...]

    def __post_init__(self) -> None:
        self._set(channels=tuple(int(channel) for channel in self.channels))
        self._require(len(self.channels) > 0 and min(self.channels) >= 0, "no channels, or negative ones")

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 1)
        self._require(max(self.channels) < len(inputs[0]), f"channel {max(self.channels)} of {len(inputs[0])}")
        return inputs[0][list(self.channels)]
