"""IntegerGraph: a quantized network as calls of integer steps. What the reference executes and the compiler compiles."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tvm_srq.extent import Extent
from tvm_srq.graph.graph import PICTURE
from tvm_srq.steps.step import Step

__all__ = ["PICTURE", "CodeMap", "IntegerCall", "IntegerGraph", "IntegerTensor"]


@dataclass(frozen=True)
class IntegerTensor:
    """A value between steps.

    Attributes:
        kind: "picture" (uint8), "stream" (int16) or "codes" (decoded integers m).
        channels, extent: its own, not those of a map that it is a part of.
        map: of codes: name of the map that it is a part of (a :class:`CodeMap`).
        outside: of codes: (channels,) int16, codes of a real zero.
    """

    kind: str
    channels: int
    extent: Extent
    map: str = ""
    outside: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))


@dataclass(frozen=True)
class CodeMap:
    """Codes side by side, which convolutions read from the first part on.

    Attributes:
        parts: names of tensors.
        low, high: range of decoded codes in all of them.
    """

    parts: tuple[str, ...]
    low: int
    high: int


@dataclass(frozen=True)
class IntegerCall:
    """A step applied: ``layer`` is the graph's node that it computes (or the first of those it computes)."""

    layer: str
    step: Step
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class IntegerGraph:
    """Calls in execution order; the last one's only output is the picture that goes out."""

    tensors: dict[str, IntegerTensor]
    maps: dict[str, CodeMap]
    calls: tuple[IntegerCall, ...]
    smallest: int = 1

    @property
    def output(self) -> str:
        return self.calls[-1].outputs[0]
