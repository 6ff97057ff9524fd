"""Uniform activation quantizers with learned bounds, as quantization-aware training of super-resolution networks has them.

PAMS (Li et al., ECCV 2020, arXiv 2011.04212): one bound alpha, the range is [-alpha, alpha]. DDTB (Zhong et al., ECCV 2022, arXiv
2203.03844): a lower and an upper bound; its dynamic gate, which scales them picture by picture, is left out. Codes lie on
an integer grid that holds zero, so what is trained runs in integers. Rounding passes gradients straight through, clipping passes
them to the bound that clips, and a step passes its rounding errors on to the bounds, as in both authors' code.

What is trained is a bound's ratio to its first value (as in quant.baselines.learned_bounds): one rate suits all ranges.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from tvm_srq.quant.statistics.observers import Observer
from tvm_srq.quant.training.trainable import round_through
from tvm_srq.spec import GridQuantizer

SMALLEST = 1e-4  # of a bound's first value: ranges never vanish
PERCENTILE = 99.0  # DDTB's code for EDSR: bounds start at the 1st and the 99th
FULL_RANGE_BITS = 8  # codes so fine start from all that calibration saw: here clipping costs more than it gains


class LearnedRange(nn.Module):
    """Quantize-dequantize on ``levels`` equal steps between learned bounds.

    Attributes:
        bits: width of a code; ``levels``: how many there are.
        first: () or (2,) the bounds' first values; ``ratio``, same shape: what they are multiplied by.
    """

    first: Tensor

    def __init__(self, bits: int, levels: int, first: list[float]):
        super().__init__()
        self.bits, self.levels = bits, levels
        self.register_buffer("first", torch.tensor(first))
        self.ratio = nn.Parameter(torch.ones(len(first)))

    def bounds(self) -> tuple[Tensor, Tensor]:
        """Lower <= 0 and upper > 0, each ()."""
        raise NotImplementedError

    def grid(self) -> tuple[Tensor, Tensor]:
        """The step, and the lowest code (a whole number, no gradient), each ()."""
        lower, upper = self.bounds()
        step = (upper - lower) / (self.levels - 1)
        return step, (lower / step).detach().round()

    def forward(self, x: Tensor) -> Tensor:
        lower, upper = self.bounds()
        step, low = self.grid()
        clipped = torch.minimum(torch.maximum(x, lower), upper)
        codes = round_through(clipped / step).clamp(low, low + self.levels - 1)  # a tie may round beyond the last code
        return codes * step

    @torch.no_grad()
    def quantizer(self) -> GridQuantizer:
        step, low = self.grid()
        return GridQuantizer(self.bits, float(step), int(low), np.arange(int(low), int(low) + self.levels, dtype=np.int16))


class SymmetricRange(LearnedRange):
    """PAMS: [-alpha, alpha] in 2**b - 1 levels; alpha starts at the pictures' mean largest magnitude."""

    def __init__(self, observer: Observer, bits: int):
        largest = [float(np.abs(sample).max()) for sample in observer.samples]
        alpha = float(np.mean(largest))
        if bits >= FULL_RANGE_BITS:
            alpha = max(observer.maximum, -observer.minimum)
        super().__init__(bits, 2**bits - 1, [max(alpha, 1e-6)])

    def bounds(self) -> tuple[Tensor, Tensor]:
        alpha = (self.first * self.ratio.clamp(min=SMALLEST))[0]
        return -alpha, alpha


class DualBoundRange(LearnedRange):
    """DDTB without its gate: [l, u] in 2**b levels, zero among them; l and u start at percentiles."""

    def __init__(self, observer: Observer, bits: int):
        samples = np.concatenate(observer.samples, 1)
        lower, upper = (float(value) for value in np.percentile(samples, [100.0 - PERCENTILE, PERCENTILE]))
        if bits >= FULL_RANGE_BITS:
            lower, upper = observer.minimum, observer.maximum
        super().__init__(bits, 2**bits, [min(lower, 0.0), max(upper, 1e-6)])

    def bounds(self) -> tuple[Tensor, Tensor]:
        lower, upper = self.first * self.ratio.clamp(min=SMALLEST)
        return lower, upper


FORMS: dict[str, type[SymmetricRange] | type[DualBoundRange]] = {"pams": SymmetricRange, "ddtb": DualBoundRange}
