"""Post-training quantization of a network: collect statistics over pictures, then fit values' codes and layers' weights."""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from tvm_srq.data.pictures import read_picture
from tvm_srq.errors import UserError
from tvm_srq.graph.graph import Graph, why_float
from tvm_srq.graph.network import GraphNetwork, as_batch
from tvm_srq.quant.coded_values import coded_values
from tvm_srq.quant.fitting.compensate import SIDES, compensated, crop_side
from tvm_srq.quant.fitting.first_fit import FirstFit
from tvm_srq.quant.fitting.learned_rounding import RoundingSchedule
from tvm_srq.quant.fitting.pictures import centre_crop, chosen_pictures, pictures_to_train_on
from tvm_srq.quant.fitting.reached import squares_input
from tvm_srq.quant.fitting.units import learn_rounding
from tvm_srq.quant.policy.policy import Policy
from tvm_srq.quant.policy.sensitive import Sensitive, work_of
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.quant.policy.splitting import layers_in_two_parts
from tvm_srq.quant.statistics.cache import cached_statistics
from tvm_srq.quant.statistics.collect import Statistics
from tvm_srq.spec import QuantSpec

__all__ = ["Settings", "quantize_network"]

ROUNDING = RoundingSchedule()
WIDENED = "are sensitive: held at 6 or 8 bits (inspect tells which; --no-widening leaves them narrow)"
SPLIT = "get their input in two parts of 8 bits each (inspect tells which; --no-splitting leaves it whole)"


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

    Returns:
        The quantized network. Its graph may have layers' inputs in two parts (quant.fitting.two_parts.like).

    Raises:
        UserError: a node has no integer form, or the folder is missing, empty, or holds something unreadable.
    """
    require_integers(network.graph, settings)
    report_ranges(network.graph, settings)
    fit = FirstFit(network, folder, statistics or statistics_for(network, folder, settings), settings)
    spec, widened = fit.spec({}), dict[str, tuple]()
    if settings.widens:
        sensitive = Sensitive(network, spec, Policy(network.graph, settings), fit.crops[::2], fit.targets[::2], fit.flat)
        widened = sensitive.widths(fit.spec)
        if widened:
            report_layers(network.graph, widened, WIDENED)
            spec = fit.spec(widened)
    if settings.splits:
        policy = Policy(network.graph, replace(settings, precisions={**settings.precisions, **widened}))
        names = layers_in_two_parts(network, spec, policy, widened, fit.crops[::2], fit.targets[::2], fit.flat)
        if names:
            report_layers(network.graph, names, SPLIT)
            fit = fit.in_two_parts(names, folder)
            spec = fit.spec(widened)
    if settings.rounding == "learned":
        return rounding_learned(fit.network, spec, folder, settings)
    return errors_compensated(fit, spec, folder) if settings.compensates else spec


def report_ranges(graph: Graph, settings: Settings) -> None:
    """Tell on standard error what becomes of the ranges that the network's file has."""
    if not settings.ranges:
        return
    read = {value for group in coded_values(graph, Policy(graph, settings).kind) for value in group.values}
    if settings.equalizes:
        kept = len(read & set(settings.ranges))
        print(f"{kept} of {len(read)} values that layers read keep the ranges of the network's file", file=sys.stderr)
    else:
        print(
            f"{len(settings.ranges)} ranges of the network's file are not used: leave --quantizer, --grid and --no-equalize out "
            "to keep them", file=sys.stderr,
        )  # fmt: skip


def report_layers(graph: Graph, names: Collection[str], what: str) -> None:
    """Tell on standard error what was chosen for some layers."""
    work = work_of(graph)
    share = sum(work[name] for name in names)
    print(f"{len(names)} layers, {share:.0%} of the multiplications, {what}", file=sys.stderr)


def require_integers(graph: Graph, settings: Settings) -> None:
    """Raises UserError where a network would not run in integers and is to; before anything is computed."""
    if settings.grid == "aligned" and graph.without_integers and not settings.allow_float:
        node, *others = graph.without_integers
        more = f" (nor have {len(others)} others)" if others else ""
        raise UserError(
            f"node {node.name} of the network has no integer form{more}: {why_float(node)}; --allow-float keeps it in float32"
        )


def rounding_learned(network: GraphNetwork, spec: QuantSpec, folder: str | Path, settings: Settings) -> QuantSpec:
    """Learn all weights' rounding, on every picture that is not held out (on all where there are no others)."""
    training, held_out = pictures_to_train_on(network.graph, folder, settings)
    spec, distances = learn_rounding(network, spec, training, held_out, ROUNDING, settings.seed)
    return replace(spec, metadata={**spec.metadata, "unit_distances": distances})


def errors_compensated(fit: FirstFit, spec: QuantSpec, folder: str | Path) -> QuantSpec:
    """Fit all weights to the codes that they are given, if that brings held-out pictures nearer."""
    paths, _ = chosen_pictures(folder, fit.settings)
    side = crop_side(fit.graph, len(paths))
    pictures = [as_batch(centre_crop(read_picture(path, fit.graph.picture.channels), side), fit.graph) for path in paths]
    squares = squares_input(fit.graph, max(side, SIDES[1])) if fit.settings.holds_colours else None
    spec, errors = compensated(fit.network, spec, pictures, squares, fit.crops, fit.targets, fit.settings.seed)
    return replace(spec, metadata={**spec.metadata, "compensation_errors": errors})
