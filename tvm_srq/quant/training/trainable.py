"""A quantized network whose steps, weights and offsets can be trained, and the way back to a QuantSpec.

Each convolution computes what the integer one does, in floats: ``unit[o] * conv(m, integer weights) + offset[o]``. Gradients
pass rounding straight through (Bengio et al. 2013) and reach steps as in LSQ (Esser et al., ICLR 2020).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tvm_srq.models.base import Network
from tvm_srq.models.load import network_from_spec
from tvm_srq.quant.training.low_precision_gradients import conv2d
from tvm_srq.spec import FreeQuantizer, GridQuantizer, LayerSpec, QuantSpec, per_weight
from tvm_srq.winograd_range import DOUBLED_G, INT8, ROUNDING

START = 0.5  # how far from the rounded weights towards the exact ones training starts


class RoundToLevels(torch.autograd.Function):
    """x -> decoded codes m; the gradient of rounding is 1 inside the range and 0 outside."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, steps: Tensor, levels: Tensor, low: Tensor) -> Tensor:  # type: ignore[override]
        """x: (N, C, H, W); steps: (C,) real step of each channel; levels: (n,) float32 for fine indices low, low + 1, .. .

        ``low``: (1,), or (C,) for consecutive levels that begin elsewhere in each channel.
        """
        scaled = x / steps[:, None, None]
        low = low[:, None, None]
        high = low + len(levels) - 1
        index = scaled.clamp(low, high).round_()
        inside = (scaled >= low - 0.5) & (scaled <= high + 0.5)
        ctx.save_for_backward(scaled, inside, steps)
        if bool((levels[1:] - levels[:-1] == 1).all()):
            return index
        return levels[(index - low).to(torch.int32)]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:  # type: ignore[override]
        scaled, inside, steps = ctx.saved_tensors
        passed = gradient * inside
        to_steps = -(passed * scaled).sum((0, 2, 3)) / steps
        return passed / steps[:, None, None], to_steps, None, None


def round_through(values: Tensor) -> Tensor:
    """Round; the gradient is 1."""
    return values + (values.round() - values).detach()


class TrainableConvolution(nn.Conv2d):
    """One quantized convolution.

    Attributes:
        codes: (O, I / groups, kh, kw) weights in integer steps, unrounded: one unit of it is one code.
        log_steps: (I,) logarithm of every input channel's real step; log_units: (O,) of the real value of one
            accumulator step. Changing either leaves the real weights as they are.
        offset: (O,) added to the accumulator, in its steps.
    """

    levels: Tensor
    low: Tensor
    first_steps: Tensor
    first_units: Tensor

    def __init__(self, convolution: nn.Conv2d, exact: Tensor, spec: LayerSpec, magnitude: int):
        """``exact``: the full-precision weights; ``magnitude``: the largest weight code."""
        kernel, padding, groups = convolution.kernel_size, convolution.padding, convolution.groups
        channels, outputs = convolution.in_channels, convolution.out_channels
        super().__init__(channels, outputs, kernel, padding=padding, groups=groups, bias=False)  # type: ignore[arg-type]
        del self.weight
        self.register_parameter("weight", None)
        assert not isinstance(spec.input, FreeQuantizer)
        self.magnitude, self.winograd, self.quantizer = magnitude, spec.winograd, spec.input
        self.real_bias = None if convolution.bias is None else convolution.bias.detach()
        equalization = np.ones(channels, np.float32) if spec.equalization is None else spec.equalization
        step = 1.0
        if isinstance(spec.input, GridQuantizer):
            step = spec.input.step
            self.register_buffer("levels", torch.tensor(spec.input.levels.astype(np.float32)))
            zero_point = np.zeros(1) if spec.zero_point is None else spec.zero_point
            self.register_buffer("low", torch.tensor((spec.input.low - zero_point).astype(np.float32)))
        steps = torch.tensor(step * equalization)
        units = torch.tensor(spec.weight_scale * np.float32(step))
        self.log_steps = nn.Parameter(steps.log(), requires_grad=spec.input is not None)
        self.log_units = nn.Parameter(units.log())
        self.register_buffer("first_steps", self.log_steps.detach().clone())
        self.register_buffer("first_units", self.log_units.detach().clone())
        rounded = torch.tensor(spec.weight.astype(np.float32))
        unrounded = exact * self.by_weight(steps) / units.reshape(-1, 1, 1, 1)
        # a rounding with feedback lies anywhere near the exact weight; kept off the ties, it survives the first steps
        self.codes = nn.Parameter(rounded + START * (unrounded - rounded).clamp(-0.49, 0.49))
        correction = np.zeros(outputs, np.float32) if spec.correction is None else spec.correction
        self.offset = nn.Parameter(torch.tensor(correction) / units)

    def by_weight(self, values: Tensor) -> Tensor:
        """(I,) -> broadcastable to the weights."""
        shape = (self.out_channels, self.in_channels // self.groups)
        index = torch.tensor(per_weight(np.arange(self.in_channels), shape))
        return values[index]

    def integer_weights(self) -> Tensor:
        """Rounded codes as floats, under the present steps and units."""
        drift = self.by_weight(self.log_steps - self.first_steps) - (self.log_units - self.first_units).reshape(-1, 1, 1, 1)
        codes = (self.codes * drift.exp()).clamp(-self.magnitude, self.magnitude)
        return round_through(codes * self.shrinking(codes) if self.winograd else codes)

    @torch.no_grad()
    def shrinking(self, codes: Tensor) -> Tensor:
        """(O, I, 1, 1) what keeps every 3x3 kernel where exact Winograd takes it, as winograd_range.shrink_into_range."""
        transform = torch.tensor(DOUBLED_G, dtype=codes.dtype)
        largest = (transform @ codes @ transform.T).abs().amax((2, 3), keepdim=True)
        return ((INT8 - ROUNDING) / largest.clamp(min=1e-30)).clamp(max=1)

    def forward(self, x: Tensor) -> Tensor:
        units = self.log_units.exp()
        if self.quantizer is not None:
            x = RoundToLevels.apply(x, self.log_steps.exp(), self.levels, self.low)
        bias = self.offset * units if self.real_bias is None else self.offset * units + self.real_bias
        # dequantized weights rather than scaled sums: one pass over the output less
        weight = self.integer_weights() * units.reshape(-1, 1, 1, 1)
        return conv2d(x, weight, bias, self.padding, self.groups)  # type: ignore[arg-type]

    @torch.no_grad()
    def snapped(self, before: LayerSpec) -> LayerSpec:
        """Snap to integers."""
        codes = self.integer_weights().numpy().astype(np.int8)
        units = self.log_units.exp().numpy()
        correction = (self.offset.numpy() * units).astype(np.float32)
        if not isinstance(before.input, GridQuantizer):
            return replace(before, weight=codes, weight_scale=units, correction=correction)
        steps = self.log_steps.exp().numpy()
        step = float(steps.max())
        return replace(
            before, weight=codes, weight_scale=(units / np.float32(step)).astype(np.float32), correction=correction,
            input=replace(before.input, step=step), equalization=(steps / np.float32(step)).astype(np.float32),
        )  # fmt: skip


def trainable_network(network: Network, spec: QuantSpec) -> Network:
    """A copy of a full-precision network with trainable quantized convolutions, started at ``spec``."""
    result = network_from_spec(spec)
    for parameter in result.parameters():
        parameter.requires_grad_(False)
    for name, layer in spec.layers.items():
        convolution, exact = result.get_submodule(name), network.get_submodule(name)
        assert isinstance(convolution, nn.Conv2d) and isinstance(exact, nn.Conv2d)
        trainable = TrainableConvolution(convolution, exact.weight.detach(), layer, layer.weight_magnitude)
        result.set_submodule(name, trainable)
    return result.eval()


def trained_spec(network: Network, spec: QuantSpec) -> QuantSpec:
    """The QuantSpec a trainable network stands for; ``spec`` is the one it was started at."""
    layers = {}
    for name, layer in spec.layers.items():
        trained = network.get_submodule(name)
        assert isinstance(trained, TrainableConvolution)
        layers[name] = trained.snapped(layer)
    return replace(spec, layers=layers)
