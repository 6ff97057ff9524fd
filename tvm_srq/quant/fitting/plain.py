"""Quantization without factors by channel: one quantizer a layer, as the methods to compare with have it."""

from __future__ import annotations

from tvm_srq.graph.graph import Graph
from tvm_srq.quant.coded_values import parts_of, reads_pixels
from tvm_srq.quant.policy.policy import Policy
from tvm_srq.quant.policy.settings import Precision, Settings
from tvm_srq.quant.quantizers.dual_region import fit_aligned, fit_free
from tvm_srq.quant.quantizers.uniform import fit_least_squares, fit_minmax, fit_percentile
from tvm_srq.quant.quantizers.weights import quantize_weights
from tvm_srq.quant.statistics.observers import Observer, side_by_side
from tvm_srq.spec import FreeQuantizer, GridQuantizer, LayerSpec


def fit_plainly(graph: Graph, policy: Policy, observers: dict[str, Observer]) -> dict[str, LayerSpec]:
    """Every layer but those that read the picture's pixels, on its own."""
    layers = {}
    for node in graph.convolutions():
        if not reads_pixels(graph, node):
            precision = policy.precision(node.name)
            weight = graph.parameters[node.parameters["weight"]]
            codes, scale = quantize_weights(weight, precision.weight_magnitude, winograd=precision.winograd)
            quantizer = fit_activation(input_observer(graph, node.name, observers), precision, policy.settings)
            layers[node.name] = LayerSpec(
                codes, scale, precision.weight_bits, quantizer, weight_limit=precision.weight_magnitude,
                winograd=precision.winograd,
            )  # fmt: skip
    return layers


def input_observer(graph: Graph, name: str, observers: dict[str, Observer]) -> Observer:
    """Of all that a convolution reads."""
    return side_by_side([observers[value] for value in parts_of(graph, graph.node(name))])


def fit_activation(observer: Observer, precision: Precision, settings: Settings) -> GridQuantizer | FreeQuantizer:
    """The input quantizer of one layer, without equalization."""
    bits, magnitude = precision.activation_bits, precision.activation_magnitude
    limit = magnitude if settings.activation_magnitude is not None else None  # plain uniform codes lie where they like
    if settings.quantizer == "minmax":
        return fit_minmax(observer, bits, limit)
    if settings.quantizer == "percentile":
        return fit_percentile(observer, bits, limit)
    if settings.quantizer == "mse":
        return fit_least_squares(observer, bits, limit)
    if settings.grid == "free":
        return fit_free(observer, bits, settings.level_budget)
    return fit_aligned(observer, bits, settings.level_budget if bits < 8 else "strict", magnitude)
