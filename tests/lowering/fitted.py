"""Graphs quantized in the plainest way, min-max at 8 bits, to have something to lower."""

import numpy as np
import torch

from tvm_srq.graph.graph import PICTURE, Graph
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.lowering.chains import picture_map
from tvm_srq.lowering.spec import GraphSpec
from tvm_srq.quant.fitting.streams import function_tables, largest_values, stream_steps
from tvm_srq.spec import GridQuantizer, LayerSpec


def fitted(graph: Graph, batches: list[torch.Tensor]) -> GraphSpec:
    """8-bit weights by output channel; inputs of 256 steps between the extremes seen, by what is concatenated to the widest."""
    network = GraphNetwork(graph)
    largest = largest_values(network, batches)
    ranges = input_ranges(network, batches)
    layers = {}
    for node in graph.convolutions():
        weight = graph.parameter(node, "weight")
        scale = (np.maximum(np.abs(weight).max((1, 2, 3)), 1e-12) / 127).astype(np.float32)
        codes = np.rint(weight / scale[:, None, None, None]).astype(np.int8)
        exact = picture_map(graph, node.inputs[0]) is not None
        layers[node.name] = LayerSpec(codes, scale, 8, None if exact else quantizer_of(*ranges[node.name]))
    steps = stream_steps(graph, largest)
    return GraphSpec(graph, layers, steps, function_tables(graph, steps))


def quantizer_of(smallest: float, greatest: float) -> GridQuantizer:
    step = float(np.float32(max(greatest - smallest, 1e-6) / 254))
    low = int(np.clip(np.floor(smallest / step), -255, 0))
    return GridQuantizer(8, step, low, np.arange(low, low + 256, dtype=np.int16))


@torch.no_grad()
def input_ranges(network: GraphNetwork, batches: list[torch.Tensor]) -> dict[str, tuple[float, float]]:
    """(smallest, greatest) of every convolution's input."""
    found: dict[str, tuple[float, float]] = {}
    for batch in batches:
        values = {PICTURE: batch}
        for position, node in enumerate(network.graph.nodes):
            if node.operator == "convolution":
                value, before = values[node.inputs[0]], found.get(node.name, (0.0, 0.0))
                found[node.name] = min(before[0], float(value.min())), max(before[1], float(value.max()))
            values = network.advance(values, position, position + 1)
    return found


def simulated(spec: GraphSpec, batch: torch.Tensor) -> torch.Tensor:
    """What the network gives with rounded weights and inputs of convolutions, everything else in floats."""
    network = GraphNetwork(spec.graph)
    for name, layer in spec.layers.items():
        module = network.get_submodule(name)
        with torch.no_grad():
            module.weight.copy_(torch.tensor(layer.real_weight))
        if layer.input is not None:
            module.register_forward_pre_hook(lambda _, inputs, q=layer.input: (rounded(inputs[0], q),))
    with torch.no_grad():
        return network(batch)


def rounded(value: torch.Tensor, quantizer: GridQuantizer) -> torch.Tensor:
    return (value / quantizer.step).round().clamp(quantizer.low, quantizer.high) * quantizer.step
