"""Which layer costs how much: the float network with one layer quantized at a time, by the distance of its output.

The paper judges layers by the deviation of their feature maps; here it is measured what quantizing one does to the picture.
Distances of single layers nearly add up to the whole network's, so they say where bits are needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from tvm_srq.graph.network import GraphNetwork
from tvm_srq.quant.simulate import correcting_hook, quantizing_hook
from tvm_srq.quant.walk import Walk
from tvm_srq.spec import LayerSpec, QuantSpec


@dataclass(frozen=True)
class LayerError:
    """Mean squared distances of the output, in squared 8-bit grey levels, with parts of one layer quantized.

    Attributes:
        name: of the convolution.
        input: its input alone; ``weight``: its weights alone; ``both``: the layer as it will be.
    """

    name: str
    input: float
    weight: float
    both: float


@contextmanager
def quantized_layer(convolution: nn.Conv2d, layer: LayerSpec, inputs: bool = True, weights: bool = True) -> Iterator[None]:
    """A float convolution computes what a quantized one would, for a while."""
    exact, hooks = convolution.weight.data, []
    if inputs and layer.input is not None:
        hooks.append(convolution.register_forward_pre_hook(quantizing_hook(layer)))
    if weights:
        convolution.weight.data = torch.tensor(layer.real_weight)
        if layer.correction is not None:
            hooks.append(convolution.register_forward_hook(correcting_hook(layer.correction)))
    try:
        yield
    finally:
        convolution.weight.data = exact
        for hook in hooks:
            hook.remove()


INPUT, WEIGHT, BOTH = (True, False), (False, True), (True, True)


def layer_errors(network: GraphNetwork, spec: QuantSpec, batches: list[Tensor]) -> list[LayerError]:
    """Errors of every layer, in execution order.

    Args:
        batches: (1, 3, H, W) network inputs.
    """
    measured = measure_layers(network, spec, batches, (INPUT, WEIGHT, BOTH))
    return [LayerError(name, *errors) for name, errors in measured.items()]


@torch.no_grad()
def measure_layers(
    network: GraphNetwork, spec: QuantSpec, batches: list[Tensor], variants: Sequence[tuple[bool, bool]]
) -> dict[str, list[float]]:
    """By layer, in execution order, its errors as in :class:`LayerError`, one for each variant.

    Args:
        variants: whether inputs and weights are quantized.
    """
    graph, targets = network.graph, [network(batch) for batch in batches]
    position_of = {node.name: position for position, node in enumerate(graph.nodes)}
    walk, grey = Walk(network, batches), graph.picture.grey_level
    result = {}
    for name, layer in tqdm(spec.layers.items(), "measuring layers", disable=None):
        convolution = network.convolution(name)
        walk.go_on(position_of[name])
        errors = []
        for inputs, weights in variants:
            with quantized_layer(convolution, layer, inputs, weights):
                outputs = walk.finished()
            distances = [float((((a - b) / grey) ** 2).mean()) for a, b in zip(outputs, targets, strict=True)]
            errors.append(float(np.mean(distances)))
        result[name] = errors
    return result
