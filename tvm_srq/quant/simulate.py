"""Float simulation of a QuantSpec: quantize-dequantize around float convolutions. For free-scale quantizers only."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tvm_srq.graph.float_runner import GraphRunner
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.spec import FreeQuantizer, GridQuantizer, LayerSpec, QuantSpec


def fake_quantize(
    values: Tensor, quantizer: GridQuantizer | FreeQuantizer, zero_point: NDArray[np.int16] | None = None
) -> Tensor:
    """Quantize and decode (N, C, H, W), in float32, same shape."""
    if isinstance(quantizer, FreeQuantizer):
        levels = torch.tensor(quantizer.values)
        return levels[torch.searchsorted((levels[1:] + levels[:-1]) / 2, values.contiguous())]
    if zero_point is not None:
        zeros = torch.tensor(zero_point.astype(np.float32))[:, None, None]
        return (values / quantizer.step).round().clamp(quantizer.low - zeros, quantizer.high - zeros) * quantizer.step
    index = (values / quantizer.step).clamp(quantizer.low, quantizer.high).round().long()
    return torch.tensor(quantizer.levels.astype(np.float32))[index - quantizer.low] * quantizer.step


def simulated(spec: QuantSpec) -> GraphNetwork:
    """The network in floats, with the weights that the codes stand for and rounded inputs of its convolutions."""
    network = GraphNetwork(spec.dequantized)
    for name, layer in spec.layers.items():
        convolution = network.convolution(name)
        convolution.weight.data = torch.tensor(layer.real_weight)
        if layer.input is not None:
            convolution.register_forward_pre_hook(quantizing_hook(layer))
        if layer.correction is not None:
            convolution.register_forward_hook(correcting_hook(layer.correction))
    return network


class Simulation(GraphRunner):
    """Runs a QuantSpec in floats: (H, W, C) uint8 -> (scale * H, scale * W, C) uint8. Not what any target computes."""

    def __init__(self, spec: QuantSpec):
        super().__init__(simulated(spec))


def correcting_hook(correction: NDArray[np.float32]):  # noqa: ANN201 - torch's hook type
    def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return output + torch.tensor(correction)[:, None, None]

    return hook


def quantizing_hook(layer: LayerSpec):  # noqa: ANN201 - torch's hook type
    assert layer.input is not None
    quantizer, zero_point = layer.input, layer.zero_point
    factors = None if layer.equalization is None else torch.tensor(layer.equalization)[:, None, None]

    def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        if factors is None:
            return (fake_quantize(inputs[0], quantizer, zero_point),)
        return (fake_quantize(inputs[0] / factors, quantizer, zero_point) * factors,)

    return hook
