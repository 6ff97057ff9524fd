"""Linear and cubic resizing by integer weights."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tvm_srq.steps.arithmetic import clip_stream
from tvm_srq.steps.step import Step

UNIT = 2048  # a weight of 1
MODES = ("linear", "cubic")
COORDINATES = ("half_pixel", "align_corners", "asymmetric")


@dataclass(frozen=True, eq=False)
class Resize(Step):
    """v = clip_stream((sum over y and x of wy * wx * s + 2**21) >> 22), sums in int64.

    Output y of n_out lies at the rational num / den of the n_in input rows:
    half_pixel ((2y + 1) n_in - n_out) / (2 n_out); align_corners y (n_in - 1) / (n_out - 1), 0 / 1 where n_out is 1;
    asymmetric y n_in / n_out. With mode linear a negative num is 0. Then, in int64 with floor division,

        i = num // den                                  t = ((num - i * den) * 2048 + den // 2) // den

    and the neighbours are the rows i and i + 1, or i - 1 to i + 2, those beyond the border being the border's. Weights are
    linear (2048 - t, t), or cubic with a = -0.75, N = 2048 and u = N - t:

        w[0] = -((3 t u u + 2 N N) // (4 N N))          w[1] = (5 t t t - 9 N t t + 4 N N N + 2 N N) // (4 N N)
        w[2] = (5 u u u - 9 N u u + 4 N N N + 2 N N) // (4 N N)                     w[3] = N - w[0] - w[1] - w[2]

    Columns alike. The output's extent is the caller's.

    Attributes:
        mode: "linear" or "cubic".
        coordinates: "half_pixel", "align_corners" or "asymmetric".
    """

    name: ClassVar[str] = "resize"
    whole_rows: ClassVar[bool] = True
    mode: str
    coordinates: str = "half_pixel"

    def __post_init__(self) -> None:
        self._require(self.mode in MODES, f"no mode: {self.mode}")
        self._require(self.coordinates in COORDINATES, f"no coordinates: {self.coordinates}")

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        self._expect_inputs(inputs, 1)
        if extent is None:
            raise ValueError("resize: the output's extent is missing")
        value = self.combine(inputs[0].long(), 2, extent[1])
        value = self.combine(value, 1, extent[0])
        return clip_stream((value + UNIT * UNIT // 2) >> 22).to(torch.int32)

    def combine(self, value: Tensor, axis: int, size: int) -> Tensor:
        """Weighted sums along an axis, int64."""
        rows, weights = self.neighbours(value.shape[axis], size)
        shape = [1, 1, 1]
        shape[axis] = size
        parts = zip(rows, weights, strict=True)
        return sum(value.index_select(axis, torch.from_numpy(i)) * torch.from_numpy(w).view(shape) for i, w in parts)  # type: ignore[return-value]

    def neighbours(self, size: int, count: int) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
        """Input positions and weights of ``count`` outputs along an axis of ``size``: 2 or 4 arrays (count,) each."""
        number, denominator = positions(self.coordinates, size, count)
        if self.mode == "linear":
            number = np.maximum(number, 0)
        first = number // denominator
        t = ((number - first * denominator) * UNIT + denominator // 2) // denominator
        weights = [UNIT - t, t] if self.mode == "linear" else cubic_weights(t)
        begin = 0 if self.mode == "linear" else -1
        return [np.clip(first + begin + i, 0, size - 1) for i in range(len(weights))], weights


def positions(coordinates: str, size: int, count: int) -> tuple[NDArray[np.int64], int]:
    """Numerators of the outputs' positions, and their common denominator."""
    outputs = np.arange(count, dtype=np.int64)
    if coordinates == "half_pixel":
        return (2 * outputs + 1) * size - count, 2 * count
    if coordinates == "align_corners":
        return outputs * (size - 1), max(count - 1, 1)
    return outputs * size, count


def cubic_weights(t: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The four weights, in 1 / 2048, of neighbours of a position t / 2048 behind the second one."""
    u, square = UNIT - t, 4 * UNIT**2
    outer = -((3 * t * u * u + square // 2) // square)
    inner = [(5 * v**3 - 9 * UNIT * v**2 + UNIT * square + square // 2) // square for v in (t, u)]
    return [outer, *inner, UNIT - outer - inner[0] - inner[1]]
