"""Post-training quantization of a network: collect statistics over pictures, then fit values' codes and layers' weights."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from tvm_srq import __version__
from tvm_srq.data.pictures import list_pictures, read_picture
from tvm_srq.errors import UserError
from tvm_srq.graph.graph import Graph
from tvm_srq.graph.network import GraphNetwork, as_batch
from tvm_srq.quant.coded_values import CodedValues, coded_values, parts_of, reads_pixels
from tvm_srq.quant.fitting.compensate import compensated
from tvm_srq.quant.fitting.equalize import equalized_weights
from tvm_srq.quant.fitting.learned_rounding import RoundingSchedule
from tvm_srq.quant.fitting.output_choice import OutputChooser
from tvm_srq.quant.fitting.pictures import chosen_pictures, held_out_crops, pictures_to_train_on
from tvm_srq.quant.fitting.plain import fit_plainly
from tvm_srq.quant.fitting.rounding import round_with_feedback
from tvm_srq.quant.fitting.streams import function_tables, stream_steps
from tvm_srq.quant.fitting.units import learn_rounding
from tvm_srq.quant.fitting.value_fits import GroupFit, ValueFitter
from tvm_srq.quant.policy.policy import Policy
from tvm_srq.quant.policy.sensitive import Sensitive, work_of
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.quant.quantizers.weights import quantize_weights
from tvm_srq.quant.statistics.cache import cached_statistics
from tvm_srq.quant.statistics.collect import Statistics
from tvm_srq.quant.statistics.observers import side_by_side
from tvm_srq.spec import LayerSpec, QuantSpec

__all__ = ["Settings", "quantize_network"]

ROUNDING = RoundingSchedule()


def statistics_for(network: GraphNetwork, folder: str | Path, settings: Settings) -> Statistics:
    """What :func:`quantize_network` goes by under ``settings``, cached; their widths and quantizers make no difference to it."""
    paths, _ = chosen_pictures(folder, settings)
    return cached_statistics(network, paths, settings.seed, settings.rounding != "nearest")


def quantize_network(
    network: GraphNetwork, folder: str | Path, settings: Settings, statistics: Statistics | None = None
) -> QuantSpec:
    """Quantize a network after training, from low-resolution pictures alone.

    Args:
        statistics: as :func:`statistics_for`, where they are known already.

    Raises:
        UserError: a node has no integer form, or the folder is missing, empty, or holds something unreadable.
    """
    graph = network.graph
    require_integers(graph, settings)
    statistics = statistics or statistics_for(network, folder, settings)
    known: dict[Hashable, dict[str, LayerSpec]] = {}
    spec = fitted(network, folder, settings, statistics, known)
    if settings.widens:
        def fit(widened: dict[str, tuple]) -> QuantSpec:
            precisions = {**settings.precisions, **widened}
            return fitted(network, folder, replace(settings, precisions=precisions), statistics, known)

        sensitive = Sensitive(network, spec, Policy(graph, settings), held_out_crops(graph, folder, settings)[::2])
        widened = sensitive.widths(fit)
        if widened:
            report_widened(graph, widened)
            spec = fit(widened)
    if settings.rounding == "learned":
        return rounding_learned(network, spec, folder, settings)
    return errors_compensated(network, spec, folder, settings) if settings.compensates else spec


def report_widened(graph: Graph, widened: Mapping[str, tuple]) -> None:
    work = work_of(graph)
    share = sum(work[name] for name in widened)
    print(
        f"{len(widened)} sensitive layers, {share:.0%} of the multiplications, are held at 6 or 8 bits (inspect tells which; "
        "--no-widening leaves them narrow)", file=sys.stderr,
    )  # fmt: skip


def fitted(
    network: GraphNetwork, folder: str | Path, settings: Settings, statistics: Statistics,
    known: dict[Hashable, dict[str, LayerSpec]],
) -> QuantSpec:  # fmt: skip
    """Values' codes and layers' weights, each on its own.

    Args:
        known: layers by what decides them: those that are there are taken, others are added.
    """
    graph = network.graph
    policy = Policy(graph, settings)
    layers: dict[str, LayerSpec] = {}
    if settings.equalizes:
        chooser = OutputChooser(network, held_out_crops(graph, folder, settings))
        fitter = ValueFitter(graph, policy, statistics.values, chooser)
        for group in tqdm(coded_values(graph, policy.kind), "fitting", disable=None):
            deciding = group.values, *((name, policy.precision(name)) for name in group.readers)
            if deciding not in known:
                found = quantize_readers(graph, policy, statistics, group, fitter.fit(group))
                known[deciding] = {name: rounded(graph, statistics, name, layer) for name, layer in found.items()}
            layers |= known[deciding]
    else:
        found = fit_plainly(graph, policy, statistics.values)
        layers = {name: rounded(graph, statistics, name, layer) for name, layer in found.items()}
    for node in graph.convolutions():
        if reads_pixels(graph, node):
            layers[node.name] = rounded(graph, statistics, node.name, read_pixels(graph, policy, node.name))
    layers = {node.name: layers[node.name] for node in graph.convolutions()}
    streams = stream_steps(graph, statistics.largest)
    metadata = {"tvm_srq": __version__, **settings.__dict__, "calibration_pictures": len(list_pictures(folder))}
    return QuantSpec(graph, layers, streams, function_tables(graph, streams), metadata)


def require_integers(graph: Graph, settings: Settings) -> None:
    """Raises UserError where a network would not run in integers; before anything is computed."""
    if settings.grid == "aligned" and graph.without_integers:
        node = graph.without_integers[0]
        raise UserError(f"node {node.name} ({node.operator}) of the network has no integer form, so it cannot be quantized yet")


def quantize_readers(
    graph: Graph, policy: Policy, statistics: Statistics, group: CodedValues, fit: GroupFit
) -> dict[str, LayerSpec]:
    """The layers that read a group of values."""
    layers = {}
    for name in group.readers:
        index, precision = group.index(name), policy.precision(name)
        power = side_by_side([statistics.values[value] for value in group.parts[name]]).power
        factors = fit.equalization[index]
        codes, scale, _ = equalized_weights(exact_weight(graph, name), factors, power, precision)
        zero_point = None if fit.zero_point is None else fit.zero_point[index]
        layers[name] = LayerSpec(
            codes, scale, precision.weight_bits, fit.quantizer, factors, weight_limit=precision.weight_magnitude,
            zero_point=zero_point, winograd=precision.winograd,
        )  # fmt: skip
    return layers


def read_pixels(graph: Graph, policy: Policy, name: str) -> LayerSpec:
    """A convolution that reads the picture, whose uint8 pixels are exact."""
    precision = policy.precision(name)
    codes, scale = quantize_weights(exact_weight(graph, name), precision.weight_magnitude, winograd=precision.winograd)
    limit = precision.weight_magnitude
    return LayerSpec(codes, scale, precision.weight_bits, None, weight_limit=limit, winograd=precision.winograd)


def exact_weight(graph: Graph, name: str) -> NDArray[np.float32]:
    return graph.parameters[graph.node(name).parameters["weight"]]


def rounded(graph: Graph, statistics: Statistics, name: str, layer: LayerSpec) -> LayerSpec:
    """Round a layer's weights again, at its scales and equalization, with feedback within each value that it reads."""
    node, exact = graph.node(name), exact_weight(graph, name)
    if statistics.moments is None or node.attributes["groups"] != 1:
        return layer
    factors = np.ones(exact.shape[1], np.float32) if layer.equalization is None else layer.equalization
    unrounded = exact * factors[:, None, None] / layer.weight_scale.reshape(-1, 1, 1, 1)
    codes, first = layer.weight.copy(), 0
    for value in (node.inputs[0],) if reads_pixels(graph, node) else parts_of(graph, node):
        part = slice(first, first + graph.channels[value])
        by_weight = np.repeat(factors[part], exact.shape[2] * exact.shape[3])
        moments = statistics.moments[value, exact.shape[2]].mean / np.outer(by_weight, by_weight)
        codes[:, part] = round_with_feedback(unrounded[:, part], layer.weight_magnitude, moments, layer.winograd)
        first = part.stop
    return replace(layer, weight=codes)


def rounding_learned(network: GraphNetwork, spec: QuantSpec, folder: str | Path, settings: Settings) -> QuantSpec:
    """Learn all weights' rounding, on every picture that is not held out (on all where there are no others)."""
    training, held_out = pictures_to_train_on(network.graph, folder, settings)
    spec, distances = learn_rounding(network, spec, training, held_out, ROUNDING, settings.seed)
    return replace(spec, metadata={**spec.metadata, "unit_distances": distances})


def errors_compensated(network: GraphNetwork, spec: QuantSpec, folder: str | Path, settings: Settings) -> QuantSpec:
    """Fit all weights to the codes that they are given, if that brings held-out pictures nearer."""
    chosen, _ = chosen_pictures(folder, settings)
    pictures = [as_batch(read_picture(path), network.graph) for path in chosen]
    spec, errors = compensated(network, spec, pictures, held_out_crops(network.graph, folder, settings), settings.seed)
    return replace(spec, metadata={**spec.metadata, "compensation_errors": errors})
