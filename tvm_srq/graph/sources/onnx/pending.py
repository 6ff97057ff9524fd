"""Results of operations that are no map as they are: sums before they are divided, comparisons, codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from tvm_srq.graph.sources.partial import Partial
from tvm_srq.graph.sources.pending import Pending
from tvm_srq.graph.sources.sizes import Length
from tvm_srq.graph.sources.translation import Refused, Translation
from tvm_srq.graph.sources.views import View


@dataclass(frozen=True)
class Total(Pending):
    """``count`` times ``mean``: a sum over rows, columns or both.

    In a file for one size the count is a number like any other. So sums are not taken for a factor times the mean: only the
    division by just this number makes a mean of them that is one at every size.
    """

    mean: View | Partial
    count: Length

    @property
    def shape(self) -> tuple[Length, ...]:  # type: ignore[override]
        return self.mean.shape

    def finished(self, translation: Translation) -> NoReturn:
        raise Refused("needs a mean where it gets a sum that is not divided by the number of pixels")


@dataclass(frozen=True)
class Comparison(Pending):
    """Where a value is greater than a number: what Softplus is exported with."""

    value: View
    bound: float

    @property
    def shape(self) -> tuple[Length, ...]:  # type: ignore[override]
        return self.value.shape

    def finished(self, translation: Translation) -> NoReturn:
        raise Refused("computes with comparisons of pixels")


@dataclass(frozen=True)
class Codes(Pending):
    """A value quantized, which only DequantizeLinear reads."""

    value: View | Pending
    scale: float
    zero_point: int

    @property
    def shape(self) -> tuple[Length, ...]:  # type: ignore[override]
        return self.value.shape

    def finished(self, translation: Translation) -> NoReturn:
        raise Refused("computes with quantized codes; give it in floats, or with QuantizeLinear and DequantizeLinear in pairs")
