"""Convolutions with learned quantizer bounds, as the paper trains them (Wang et al., ICCV 2025, arXiv 2511.00682, section 3).

Activations have bounds ``l`` and ``u`` and, for the dual region, a breakpoint ``p``; weights have one bound per output channel.
Rounding passes gradients straight through, clipping passes them to the bound that clips. What is trained is a bound's ratio to
its first value, so that one learning rate suits networks on 0..1 and on 0..255.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tvm_srq.quant.baselines.learned_range import LearnedRange
from tvm_srq.quant.policy.settings import Precision
from tvm_srq.quant.quantizers.dual_region import BUDGET_BITS, free_values
from tvm_srq.quant.quantizers.weights import quantize_weights
from tvm_srq.quant.statistics.observers import Observer
from tvm_srq.quant.training.trainable import round_through
from tvm_srq.spec import FreeQuantizer, LayerSpec

SMALLEST = 1e-4  # of the range: regions never vanish


@dataclass(frozen=True)
class Form:
    """Which activation quantizer is trained: the dual region or a uniform one; budget "strict" or "release"."""

    dual_region: bool = True
    budget: str = "strict"


class LearnedActivation(nn.Module):
    """Quantize-dequantize with learned bounds.

    Attributes:
        first: (3,) first values of the bounds l and u and the breakpoint p.
        lower, upper, breakpoint: () what they are multiplied by; the uniform form has no use for the last.
    """

    first: Tensor

    def __init__(self, observer: Observer, bits: int, form: Form):
        super().__init__()
        self.bits, self.form = bits, form
        samples = np.abs(np.concatenate(observer.samples, 1))
        first = [min(observer.minimum, 0.0), max(observer.maximum, 1e-6), float(np.percentile(samples, 99))]
        self.register_buffer("first", torch.tensor(first))
        self.lower, self.upper = nn.Parameter(torch.ones(())), nn.Parameter(torch.ones(()))
        self.breakpoint = nn.Parameter(torch.ones(()), requires_grad=form.dual_region)

    def bounds(self) -> tuple[Tensor, Tensor, Tensor]:
        """l, u and p in order: l <= 0 < p < u."""
        lower, upper = self.first[0] * self.lower.clamp(min=0.0), self.first[1] * self.upper.clamp(min=SMALLEST)
        smallest = SMALLEST * torch.maximum(upper, -lower).detach()
        edge = torch.maximum(self.first[2] * self.breakpoint, smallest)
        return lower, upper, torch.minimum(edge, (1 - SMALLEST) * upper)

    def forward(self, x: Tensor) -> Tensor:
        lower, upper, edge = self.bounds()
        width = self.bits + BUDGET_BITS[self.form.budget]
        if not self.form.dual_region:
            return uniform(x, lower, upper, 2**width)
        if float(lower.detach()) >= -float(edge.detach()):
            dense, high = uniform(x, lower, edge, 2 ** (width - 1)), uniform(x, edge, upper, 2 ** (width - 1))
            return torch.where(x > edge, high, dense)
        tail = 2 ** max(width - 2, 1)
        dense, high = uniform(x, -edge, edge, 2 ** (width - 1)), uniform(x, edge, upper, tail)
        low = uniform(x, lower, -edge, tail)
        return torch.where(x > edge, high, torch.where(x < -edge, low, dense))

    def quantizer(self) -> FreeQuantizer:
        lower, upper, edge = (float(value.detach()) for value in self.bounds())
        if self.form.dual_region:
            return FreeQuantizer(self.bits, free_values(lower, upper, edge, self.bits, self.form.budget))
        levels = 2 ** (self.bits + BUDGET_BITS[self.form.budget])
        return FreeQuantizer(self.bits, np.linspace(lower, upper, levels).astype(np.float32))


def uniform(x: Tensor, lower: Tensor, upper: Tensor, levels: int) -> Tensor:
    """Equal steps from ``lower`` to ``upper``, both included."""
    step = (upper - lower) / (levels - 1)
    clipped = torch.minimum(torch.maximum(x, lower), upper)
    return round_through((clipped - lower) / step) * step + lower


def convolve_exactly(x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int], groups: int) -> Tensor:
    """All of it in float32, gradients too."""
    return functional.conv2d(x, weight, bias, padding=padding, groups=groups)


class LearnedConvolution(nn.Conv2d):
    """A convolution whose weights are quantized with a learned bound per output channel; it remembers its output.

    Attributes:
        first: (O,) the largest quantized magnitude at first; bound: (O,) what it is multiplied by.
        activation: None for the convolution that reads the picture.
        convolve: (input, weight, bias, padding, groups) -> output; quant.training.low_precision_gradients has a faster one to
            train with.
    """

    first: Tensor

    def __init__(self, exact: nn.Conv2d, precision: Precision, activation: LearnedActivation | LearnedRange | None):
        kernel, padding = exact.kernel_size, exact.padding
        super().__init__(exact.in_channels, exact.out_channels, kernel, padding=padding, groups=exact.groups)  # type: ignore[arg-type]
        self.weight, self.bias = exact.weight, exact.bias
        self.precision, self.activation = precision, activation
        _, scale = quantize_weights(exact.weight.detach().numpy(), precision.weight_magnitude)
        self.register_buffer("first", torch.tensor(scale * np.float32(precision.weight_magnitude)))
        self.bound = nn.Parameter(torch.ones(len(scale)))
        self.output = torch.zeros(())
        self.convolve: Callable[..., Tensor] = convolve_exactly

    def forward(self, x: Tensor) -> Tensor:
        if self.activation is not None:
            x = self.activation(x)
        scale = self.scale().reshape(-1, 1, 1, 1)
        largest = self.precision.weight_magnitude
        weight = round_through((self.weight / scale).clamp(-largest, largest)) * scale
        self.output = self.convolve(x, weight, self.bias, self.padding, self.groups)
        return self.output

    def scale(self) -> Tensor:
        return self.first * self.bound.clamp(min=SMALLEST) / self.precision.weight_magnitude

    @torch.no_grad()
    def layer(self, before: LayerSpec) -> LayerSpec:
        """What has been learned, as data."""
        largest, scale = self.precision.weight_magnitude, self.scale()
        codes = (self.weight / scale.reshape(-1, 1, 1, 1)).round().clamp(-largest, largest)
        quantizer = None if self.activation is None else self.activation.quantizer()
        return LayerSpec(
            codes.numpy().astype(np.int8), scale.numpy(), self.precision.weight_bits, quantizer,
            weight_limit=before.weight_limit,
        )  # fmt: skip
