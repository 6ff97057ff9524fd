"""Graphs quantized in the plainest way, min-max at 8 bits, to have something to lower."""

import numpy as np
import torch

from tvm_srq.graph.graph import Graph
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.quant import simulate
from tvm_srq.quant.coded_values import reads_pixels
from tvm_srq.quant.fitting.plain import input_observer
from tvm_srq.quant.fitting.streams import function_tables, stream_steps
from tvm_srq.quant.fitting.two_parts import steps_of
from tvm_srq.quant.statistics.collect import Collector
from tvm_srq.spec import GridQuantizer, LayerSpec, QuantSpec


@torch.no_grad()
def fitted(graph: Graph, batches: list[torch.Tensor]) -> QuantSpec:
    """8-bit weights by output channel; inputs of 256 steps between the extremes seen, by what is concatenated to the widest, and
    of coarse values their own."""
    collector = Collector(GraphNetwork(graph), seed=0, moments=False)
    for batch in batches:
        collector.run(batch)
    seen, layers, coarse = collector.statistics, {}, steps_of(graph)
    for node in graph.convolutions():
        weight, quantizer = graph.parameter(node, "weight"), None
        scale = (np.maximum(np.abs(weight).max((1, 2, 3)), 1e-12) / 127).astype(np.float32)
        codes = np.rint(weight / scale[:, None, None, None]).astype(np.int8)
        if not reads_pixels(graph, node):
            observer = input_observer(graph, node.name, seen.values)
            smallest, greatest = min(observer.minimum, 0.0), max(observer.maximum, 0.0)
            step = coarse.get(node.name, float(np.float32(max(greatest - smallest, 1e-6) / 254)))
            low = int(np.clip(np.floor(smallest / step), -255, 0))
            quantizer = GridQuantizer(8, step, low, np.arange(low, low + 256, dtype=np.int16))
        layers[node.name] = LayerSpec(codes, scale, 8, quantizer)
    steps = stream_steps(graph, seen.largest)
    return QuantSpec(graph, layers, steps, function_tables(graph, steps))


@torch.no_grad()
def simulated(spec: QuantSpec, batch: torch.Tensor) -> torch.Tensor:
    """What the network gives with rounded weights and inputs of convolutions, everything else in floats."""
    return simulate.simulated(spec)(batch)
