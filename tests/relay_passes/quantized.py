"""Small networks quantized in ways that real ones are, for tests of passes."""

from dataclasses import replace
from functools import cache

import numpy as np
import torch
from fitted import fitted
from small_networks import NETWORKS

from tvm_srq.quant.coded_values import coded_values
from tvm_srq.quant.quantizers.dual_region import aligned_levels, grid_quantizer
from tvm_srq.spec import LayerSpec, QuantSpec

GRIDS = ("uniform", "zero points", "dual region")


@cache
def quantized(name: str, grid: str = "uniform") -> QuantSpec:
    """8 bits in the plainest way, or with factors and zero points by channel, or 4-bit dual regions: one form a value."""
    graph = NETWORKS[name]()
    generator = torch.Generator().manual_seed(0)
    spec = fitted(graph, [torch.rand(1, graph.picture.channels, 24, 21, generator=generator)])
    if grid == "uniform":
        return spec
    random = np.random.default_rng(0)
    layers = dict(spec.layers)
    for group in coded_values(graph, lambda reader: 0):
        factors = random.uniform(0.5, 1.0, group.channels).astype(np.float32)
        zero_points = random.integers(-40, 41, group.channels).astype(np.int16)
        step = max(layers[reader].input.step for reader in group.readers)
        for reader in group.readers:
            index = group.index(reader)
            layers[reader] = regridded(layers[reader], grid, step, factors[index], zero_points[index])
    return replace(spec, layers=layers)


def regridded(layer: LayerSpec, grid: str, step: float, factors: np.ndarray, zero_points: np.ndarray) -> LayerSpec:
    if grid == "zero points":
        quantizer = replace(layer.input, step=step, low=-128, levels=np.arange(-128, 128, dtype=np.int16))
        return replace(layer, input=quantizer, equalization=factors, zero_point=zero_points)
    return replace(layer, input=grid_quantizer(4, step * 10, aligned_levels(4, 4, False)), equalization=factors)
