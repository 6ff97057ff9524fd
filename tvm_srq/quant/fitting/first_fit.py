"""Values' codes and layers' weights, each fitted on its own: where every quantized network starts."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from tvm_srq import __version__
from tvm_srq.data.pictures import list_pictures
from tvm_srq.graph.graph import Graph
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.quant.coded_values import CodedValues, coded_values, parts_of, reads_pixels
from tvm_srq.quant.fitting.equalize import Fit, equalized_weights
from tvm_srq.quant.fitting.output_choice import OutputChooser
from tvm_srq.quant.fitting.pictures import chosen_pictures, held_out_crops
from tvm_srq.quant.fitting.plain import fit_plainly
from tvm_srq.quant.fitting.reached import Reached, flat_inputs, reached_by
from tvm_srq.quant.fitting.rounding import remaining_power, round_with_feedback
from tvm_srq.quant.fitting.streams import function_tables, stream_steps
from tvm_srq.quant.fitting.two_parts import COARSE, coarse_grid, in_two_parts
from tvm_srq.quant.fitting.value_fits import ValueFitter
from tvm_srq.quant.policy.policy import Policy
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.quant.quantizers.weights import quantize_weights
from tvm_srq.quant.statistics.cache import cached_statistics
from tvm_srq.quant.statistics.collect import Statistics
from tvm_srq.quant.statistics.observers import Observer, side_by_side
from tvm_srq.quant.statistics.output_gains import output_gains
from tvm_srq.spec import LayerSpec, QuantSpec

FLAT = 0.05  # what flat colours count beside photographs where weights are rounded


class FirstFit:
    """Fits a network, once for every choice of widths; what a choice leaves alone is not fitted again.

    Attributes:
        crops, targets: held-out network inputs to compare candidates on, and the full-precision outputs; empty where the
            settings compare none.
    """

    @torch.no_grad()
    def __init__(self, network: GraphNetwork, folder: str | Path, statistics: Statistics, settings: Settings):
        self.network, self.graph, self.settings = network, network.graph, settings
        self.statistics, self.largest = statistics, dict(statistics.largest)
        self.flat: Tensor | None = None
        self.reached: Reached | None = None
        if settings.holds_colours:
            self.flat = flat_inputs(self.graph)
            self.reached = reached_by(network, self.flat)
            self.largest = {name: max(most, self.reached.largest[name]) for name, most in self.largest.items()}
        self.extremes = {} if self.reached is None else self.reached.extremes
        self.crops = held_out_crops(self.graph, folder, settings) if settings.equalizes else []
        self.targets = [network(crop) for crop in self.crops]
        self.gains = output_gains(network, self.crops[::2], settings.seed) if settings.equalizes else {}
        self.remaining: dict[tuple[str, int], NDArray[np.float64] | None] = {}
        self.metadata = {"tvm_srq": __version__, "calibration_pictures": len(list_pictures(folder))}
        self.known: dict[Hashable, dict[str, LayerSpec]] = {}  # layers by what decides them

    def in_two_parts(self, names: Sequence[str], folder: str | Path) -> FirstFit:
        """A fit of the network with these convolutions' inputs in two parts (quant.fitting.two_parts); what it leaves alone is
        not fitted again."""
        grids = {name: coarse_grid(self.seen_by(name)) for name in names}
        network = GraphNetwork(in_two_parts(self.graph, {name: grid.step for name, grid in grids.items()}))
        ends = {f"{name}{COARSE}": grid.ends for name, grid in grids.items()}
        settings = replace(self.settings, ranges={**self.settings.ranges, **ends})
        paths, _ = chosen_pictures(folder, settings)
        statistics = cached_statistics(network, paths, settings.seed, settings.rounding != "nearest")
        fit = FirstFit(network, folder, statistics, settings)
        fit.known = self.known
        return fit

    def seen_by(self, name: str) -> list[Observer]:
        """What was seen of the values that a convolution reads side by side, saturated colours' extremes too."""
        values = parts_of(self.graph, self.graph.node(name))
        return [self.statistics.values[value].reaching(self.extremes.get(value)) for value in values]

    def spec(self, precisions: dict[str, tuple]) -> QuantSpec:
        """The network, with the widths of some layers besides those of the settings (``Settings.precisions``)."""
        settings = replace(self.settings, precisions={**self.settings.precisions, **precisions})
        graph, policy = self.graph, Policy(self.graph, settings)
        found = self.equalized(policy) if settings.equalizes else self.plain(policy)
        for node in graph.convolutions():
            if reads_pixels(graph, node):
                found[node.name] = self.rounded(node.name, self.of_pixels(policy, node.name))
        layers = {node.name: found[node.name] for node in graph.convolutions()}
        streams = stream_steps(graph, self.largest)
        metadata = {**self.metadata, **settings.__dict__}
        return QuantSpec(graph, layers, streams, function_tables(graph, streams), metadata)

    def equalized(self, policy: Policy) -> dict[str, LayerSpec]:
        layers: dict[str, LayerSpec] = {}
        chooser = OutputChooser(self.network, self.crops, self.flat)
        fitter = ValueFitter(self.graph, policy, self.statistics.values, self.extremes, self.gains, self.remaining_of, chooser)
        for group in tqdm(coded_values(self.graph, policy.kind), "fitting", disable=None):
            deciding = group.values, *((name, policy.precision(name)) for name in group.readers)
            if deciding not in self.known:
                found = self.readers(policy, group, fitter.fit(group))
                self.known[deciding] = {name: self.rounded(name, layer) for name, layer in found.items()}
            layers |= self.known[deciding]
        return layers

    def plain(self, policy: Policy) -> dict[str, LayerSpec]:
        found = fit_plainly(self.graph, policy, self.statistics.values)
        return {name: self.rounded(name, layer) for name, layer in found.items()}

    def readers(self, policy: Policy, group: CodedValues, fit: Fit) -> dict[str, LayerSpec]:
        """The layers that read a group of values."""
        layers = {}
        for name in group.readers:
            index, precision = group.index(name), policy.precision(name)
            power = side_by_side([self.statistics.values[value] for value in group.parts[name]]).power
            factors = fit.equalization[index]
            codes, scale = equalized_weights(exact_weight(self.graph, name), factors, power, precision)
            zero_point = None if fit.zero_point is None else fit.zero_point[index]
            layers[name] = LayerSpec(
                codes, scale, precision.weight_bits, fit.quantizer, factors, weight_limit=precision.weight_magnitude,
                zero_point=zero_point, winograd=precision.winograd,
            )  # fmt: skip
        return layers

    def of_pixels(self, policy: Policy, name: str) -> LayerSpec:
        """A convolution that reads the picture, whose uint8 pixels are exact."""
        precision = policy.precision(name)
        limit, winograd = precision.weight_magnitude, precision.winograd
        codes, scale = quantize_weights(exact_weight(self.graph, name), limit, winograd=winograd)
        return LayerSpec(codes, scale, precision.weight_bits, None, weight_limit=limit, winograd=winograd)

    def rounded(self, name: str, layer: LayerSpec) -> LayerSpec:
        """Round a layer's weights again, at its scales and equalization, with feedback within each value that it reads."""
        graph = self.graph
        node, exact = graph.node(name), exact_weight(graph, name)
        if self.statistics.moments is None or node.attributes["groups"] != 1:
            return layer
        factors = np.ones(exact.shape[1], np.float32) if layer.equalization is None else layer.equalization
        unrounded = exact * factors[:, None, None] / layer.weight_scale.reshape(-1, 1, 1, 1)
        codes, first = layer.weight.copy(), 0
        for value in (node.inputs[0],) if reads_pixels(graph, node) else parts_of(graph, node):
            part = slice(first, first + graph.channels[value])
            by_weight = np.repeat(factors[part], exact.shape[2] * exact.shape[3])
            moments = self.moments(value, exact.shape[2]) / np.outer(by_weight, by_weight)
            codes[:, part] = round_with_feedback(unrounded[:, part], layer.weight_magnitude, moments, layer.winograd)
            first = part.stop
        return replace(layer, weight=codes)

    def remaining_of(self, value: str, kernel: int) -> NDArray[np.float64] | None:
        """(C, kernel, kernel) what rounding with feedback leaves of a value's mean square, where weights are rounded so."""
        key = value, kernel
        if key not in self.remaining:
            found = None if self.statistics.moments is None else remaining_power(self.moments(value, kernel))
            self.remaining[key] = None if found is None else found.reshape(-1, kernel, kernel)
        return self.remaining[key]

    def moments(self, value: str, kernel: int) -> NDArray[np.float32]:
        """Second moments of a value's patches, those of flat colours among them."""
        assert self.statistics.moments is not None
        of_photographs = self.statistics.moments[value, kernel].mean
        return of_photographs if self.reached is None else of_photographs + FLAT * self.reached.moments(value, kernel)


def exact_weight(graph: Graph, name: str) -> NDArray[np.float32]:
    return graph.parameters[graph.node(name).parameters["weight"]]
