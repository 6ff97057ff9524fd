"""A quantized network whose steps, weights and offsets can be trained, and the way back to a QuantSpec.

Each convolution computes what the integer one does, in floats: ``unit[o] * conv(m, integer weights) + offset[o]``. Gradients
pass rounding straight through (Bengio et al. 2013) and reach steps as in LSQ (Esser et al., ICLR 2020).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from tvm_srq.affine import per_weight
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.quant.fitting.two_parts import like
from tvm_srq.quant.training.input_grid import InputGrid, SharedGrids
from tvm_srq.quant.training.low_precision_gradients import conv2d
from tvm_srq.spec import FreeQuantizer, GridQuantizer, LayerSpec, QuantSpec
from tvm_srq.winograd_range import DOUBLED_G, INT8, ROUNDING

START = 0.5  # how far from the rounded weights towards the exact ones training starts
GRIDS = "input grids"
"""Name of the submodule that holds the grids: no module of a network can have it."""


def round_through(values: Tensor) -> Tensor:
    """Round; the gradient is 1."""
    return values + (values.round() - values).detach()


class TrainableConvolution(nn.Conv2d):
    """One quantized convolution.

    Attributes:
        codes: (O, I / groups, kh, kw) weights in integer steps, unrounded: one unit of it is one code.
        log_units: (O,) logarithm of the real value of one accumulator step. Changing it, or the steps of the input's grid, leaves
            the real weights as they are.
        offset: (O,) added to the accumulator, in its steps.
    """

    first_units: Tensor

    def __init__(
        self, convolution: nn.Conv2d, exact: Tensor, spec: LayerSpec, magnitude: int, grid: InputGrid | None = None,
        index: Tensor | None = None,
    ):  # fmt: skip
        """Args:
        exact: the full-precision weights.
        magnitude: the largest weight code.
        grid: of the input, shared with others; None: the layer's own.
        index: the input's channels among the grid's; None: all.
        """
        kernel, padding, groups = convolution.kernel_size, convolution.padding, convolution.groups
        channels, outputs = convolution.in_channels, convolution.out_channels
        super().__init__(channels, outputs, kernel, padding=padding, groups=groups, bias=False)  # type: ignore[arg-type]
        del self.weight
        self.register_parameter("weight", None)
        assert not isinstance(spec.input, FreeQuantizer)
        self.magnitude, self.winograd = magnitude, spec.winograd
        self.real_bias = None if convolution.bias is None else convolution.bias.detach()
        if spec.input is not None and grid is None:
            grid = InputGrid.of_layer(spec, channels)
        self.shared = (grid,)  # in a tuple, or it would count as this convolution's part
        self.index = index
        step = 1.0 if spec.input is None else spec.input.step
        units = torch.tensor(spec.weight_scale * np.float32(step))
        self.log_units = nn.Parameter(units.log())
        self.register_buffer("first_units", self.log_units.detach().clone())
        rounded = torch.tensor(spec.weight.astype(np.float32))
        unrounded = exact / units.reshape(-1, 1, 1, 1)
        if grid is not None:
            unrounded = unrounded * self.by_weight(self.own(grid.first_steps).exp())
        # a rounding with feedback lies anywhere near the exact weight; kept off the ties, it survives the first steps
        self.codes = nn.Parameter(rounded + START * (unrounded - rounded).clamp(-0.49, 0.49))
        correction = np.zeros(outputs, np.float32) if spec.correction is None else spec.correction
        self.offset = nn.Parameter(torch.tensor(correction) / units)

    @property
    def grid(self) -> InputGrid | None:
        """Of the input; None where that is the picture."""
        return self.shared[0]

    def own(self, values: Tensor) -> Tensor:
        """(channels of the grid,) -> (I,)."""
        return values if self.index is None else values[self.index]

    def by_weight(self, values: Tensor) -> Tensor:
        """(I,) -> broadcastable to the weights."""
        shape = (self.out_channels, self.in_channels // self.groups)
        index = torch.tensor(per_weight(np.arange(self.in_channels), shape))
        return values[index]

    def integer_weights(self) -> Tensor:
        """Rounded codes as floats, under the present steps and units."""
        drift = (self.first_units - self.log_units).reshape(-1, 1, 1, 1)
        if self.grid is not None:
            drift = drift + self.by_weight(self.own(self.grid.drift()))
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
        if self.grid is not None:
            x = self.grid.rounded(x, self.index)
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
        if self.grid is None:
            return replace(before, weight=codes, weight_scale=units, correction=correction)
        assert isinstance(before.input, GridQuantizer)
        steps = self.grid.log_steps.exp().numpy()
        step = before.input.step if not self.grid.log_steps.requires_grad else float(steps.max())
        factors = steps / np.float32(step) if self.index is None else steps[self.index.numpy()] / np.float32(step)
        return replace(
            before, weight=codes, weight_scale=(units / np.float32(step)).astype(np.float32), correction=correction,
            input=replace(before.input, step=step), equalization=factors.astype(np.float32),
        )  # fmt: skip


def trainable_network(network: GraphNetwork, spec: QuantSpec) -> GraphNetwork:
    """A copy of a full-precision network with trainable quantized convolutions, started at ``spec``."""
    network = like(network, spec.graph)
    result, grids = GraphNetwork(network.graph), SharedGrids(spec)
    for name, layer in spec.layers.items():
        convolution = network.convolution(name)
        grid, index = grids.of_reader.get(name, (None, None))
        trainable = TrainableConvolution(
            convolution, convolution.weight.detach(), layer, layer.weight_magnitude, grid, index
        )
        result.set_submodule(name, trainable)
    result.add_module(GRIDS, nn.ModuleList(grids.grids))
    return result.eval()


@torch.no_grad()
def trained_spec(network: GraphNetwork, spec: QuantSpec) -> QuantSpec:
    """The QuantSpec a trainable network stands for; ``spec`` is the one it was started at."""
    layers = {}
    for name, layer in spec.layers.items():
        trained = network.get_submodule(name)
        assert isinstance(trained, TrainableConvolution)
        layers[name] = trained.snapped(layer)
    return replace(spec, layers=layers)
