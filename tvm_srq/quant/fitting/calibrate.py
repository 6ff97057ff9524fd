"""Post-training quantization of a network: collect statistics over pictures, then fit every layer's quantizers."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
from torch import Tensor, nn
from tqdm import tqdm

from tvm_srq import __version__
from tvm_srq.data.pictures import evenly, list_pictures, read_picture
from tvm_srq.models.base import Network, as_batch
from tvm_srq.quant.fitting.equalize import STRENGTHS, fit_best_strength, fit_equalized
from tvm_srq.quant.fitting.learned_rounding import RoundingSchedule
from tvm_srq.quant.fitting.output_choice import OutputChooser, full_range, other_ranges
from tvm_srq.quant.fitting.rounding import PatchMoments, round_with_feedback
from tvm_srq.quant.fitting.units import learn_rounding
from tvm_srq.quant.plan import PICTURE, Plan, make_plan
from tvm_srq.quant.policy.settings import Precision, Settings, precision_of
from tvm_srq.quant.quantizers.dual_region import fit_aligned, fit_free
from tvm_srq.quant.quantizers.uniform import fit_least_squares, fit_minmax, fit_percentile
from tvm_srq.quant.quantizers.weights import quantize_weights
from tvm_srq.quant.quantizers.zero_points import FEWEST_BITS, fit_best_placed, fit_edge_layer
from tvm_srq.quant.statistics.cache import cached_statistics
from tvm_srq.quant.statistics.collect import Statistics
from tvm_srq.quant.statistics.observers import Observer
from tvm_srq.spec import FreeQuantizer, GridQuantizer, LayerSpec, QuantSpec

__all__ = ["Settings", "quantize_network"]

STREAM_HEADROOM = 1.5  # room above the largest calibrated value before the int16 stream saturates
CROPS, CROP_SIDE = 8, 48  # of held-out pictures, to compare candidates by their output
MAX_SIDE, HELD_OUT_SIDE = 512, 96  # training pictures are cut to so many rows and columns, held-out ones to the centre
ROUNDING = RoundingSchedule()


def chosen_pictures(folder: str | Path, settings: Settings) -> tuple[list[Path], list[Path]]:
    """Calibration pictures, evenly chosen, and up to CROPS held-out ones (calibration pictures where there are no others)."""
    paths = list_pictures(folder)
    chosen = evenly(paths, settings.pictures)
    others = [path for path in paths if path not in set(chosen)] or paths
    return chosen, evenly(others, CROPS)


def centre_crop(picture: np.ndarray, side: int) -> np.ndarray:
    top, left = (max((length - side) // 2, 0) for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def telling_crops(picture: np.ndarray, side: int) -> list[np.ndarray]:
    """The centre, for what is usual, and the surroundings of the strongest contrast, where activations have their outliers."""
    luma = picture.astype(np.float32).sum(2)
    steps = np.abs(np.diff(luma, axis=0))[:, :-1] + np.abs(np.diff(luma, axis=1))[:-1]
    row, column = np.unravel_index(steps.argmax(), steps.shape) if steps.size else (0, 0)
    top, left = (int(np.clip(at - side // 2, 0, max(n - side, 0))) for at, n in zip((row, column), picture.shape))
    return [centre_crop(picture, side), picture[top : top + side, left : left + side]]


def held_out_crops(network: Network, folder: str | Path, settings: Settings) -> list[Tensor]:
    """(1, 3, CROP_SIDE, CROP_SIDE) at most: network inputs to compare candidates on."""
    _, held_out = chosen_pictures(folder, settings)
    return [as_batch(crop, network) for path in held_out for crop in telling_crops(read_picture(path), CROP_SIDE)]


def fit_activation(observer: Observer, precision: Precision, settings: Settings) -> GridQuantizer | FreeQuantizer:
    """The input quantizer of one tensor, without equalization."""
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


def statistics_for(network: Network, folder: str | Path, settings: Settings) -> Statistics:
    """What :func:`quantize_network` goes by under ``settings``, cached; their widths and quantizers make no difference to it."""
    paths, _ = chosen_pictures(folder, settings)
    return cached_statistics(network, paths, settings.seed, settings.rounding != "nearest")


def quantize_network(
    network: Network, folder: str | Path, settings: Settings, statistics: Statistics | None = None
) -> QuantSpec:
    """Quantize a network after training, from low-resolution pictures alone.

    Args:
        statistics: as :func:`statistics_for`, where they are known already.

    Raises:
        UserError: the folder is missing, empty, or holds something unreadable.
    """
    plan = make_plan(network)
    statistics = statistics or statistics_for(network, folder, settings)
    chooser = OutputChooser(network, held_out_crops(network, folder, settings)) if settings.equalizes else None
    stream_step = float(np.float32(STREAM_HEADROOM * max(statistics.largest_addend, 1e-6) / 32767))
    layers = {}
    for name in tqdm(plan.steps, "fitting", disable=None):
        layer = quantize_layer(network, plan, name, statistics.inputs[name], stream_step, settings, chooser)
        if statistics.moments is not None and name in statistics.moments:
            exact = cast(nn.Conv2d, network.get_submodule(name)).weight.detach().numpy()
            layer = round_layer(layer, exact, statistics.moments[name])
        layers[name] = layer
    quantized = {f"{name}.weight" for name in layers}
    parameters = {
        key: value.detach().numpy().astype(np.float32)
        for key, value in network.state_dict().items()
        if key not in quantized and value.is_floating_point()
    }
    metadata = {"tvm_srq": __version__, **settings.__dict__, "calibration_pictures": len(list_pictures(folder))}
    spec = QuantSpec(network.family, network.config, layers, parameters, metadata)
    return rounding_learned(network, spec, folder, settings) if settings.rounding == "learned" else spec


def rounding_learned(network: Network, spec: QuantSpec, folder: str | Path, settings: Settings) -> QuantSpec:
    """Learn all weights' rounding, on every picture that is not held out (on all where there are no others)."""
    training, held_out = pictures_to_train_on(network, folder, settings)
    spec, distances = learn_rounding(network, spec, training, held_out, ROUNDING, settings.seed)
    return replace(spec, metadata={**spec.metadata, "unit_distances": distances})


def pictures_to_train_on(network: Network, folder: str | Path, settings: Settings) -> tuple[list[Tensor], list[Tensor]]:
    """(1, 3, H, W) network inputs to train on, all that are not held out where there are others, and to measure on."""
    _, held_out = chosen_pictures(folder, settings)
    paths = list_pictures(folder)
    training = [path for path in paths if path not in held_out] or paths
    pictures = [as_batch(read_picture(path)[:MAX_SIDE, :MAX_SIDE], network) for path in training]
    return pictures, [as_batch(centre_crop(read_picture(path), HELD_OUT_SIDE), network) for path in held_out]


def round_layer(layer: LayerSpec, exact: np.ndarray, moments: PatchMoments) -> LayerSpec:
    """Round a layer's weights again, at its scales and equalization, with feedback. ``exact``: (O, I, kh, kw)."""
    factors = np.ones(exact.shape[1], np.float32) if layer.equalization is None else layer.equalization
    codes = exact * factors[:, None, None] / layer.weight_scale.reshape(-1, 1, 1, 1)
    by_weight = np.repeat(factors, exact.shape[2] * exact.shape[3])
    equalized = moments.mean / np.outer(by_weight, by_weight)
    return replace(layer, weight=round_with_feedback(codes, layer.weight_magnitude, equalized, layer.winograd))


def quantize_layer(
    network: Network,
    plan: Plan,
    name: str,
    observer: Observer,
    stream_step: float,
    settings: Settings,
    chooser: OutputChooser | None,
) -> LayerSpec:
    precision = precision_of(name, network, plan, settings)
    weight = cast(nn.Conv2d, network.get_submodule(name)).weight.detach()
    step = stream_step if name in plan.streams else None
    limit = precision.weight_magnitude
    readers = [other.name for other in plan.steps.values() if other.source == plan.steps[name].source]
    if plan.steps[name].source == PICTURE:  # its uint8 pixels are exact
        codes, scale = quantize_weights(weight.numpy(), precision.weight_magnitude, winograd=precision.winograd)
        return LayerSpec(codes, scale, precision.weight_bits, None, step, weight_limit=limit, winograd=precision.winograd)
    if chooser is None or len(readers) > 1:
        codes, scale = quantize_weights(weight.numpy(), precision.weight_magnitude, winograd=precision.winograd)
        quantizer = fit_activation(observer, precision, settings)
        return LayerSpec(codes, scale, precision.weight_bits, quantizer, step, weight_limit=limit, winograd=precision.winograd)
    if settings.zero_points and precision.activation_bits >= FEWEST_BITS:
        if name in network.edge_layers:
            fit = fit_edge_layer(name, observer, weight.numpy(), precision, chooser)
        else:
            fit = fit_best_placed(observer, weight.numpy(), precision)
    elif name in network.edge_layers and precision.activation_bits < 6:  # upsamplers as the body: a dual region
        fits = [fit_equalized(observer, weight.numpy(), precision, strength) for strength in STRENGTHS]
        fit = chooser.choose(name, fits)
    elif name in network.edge_layers:
        fit = chooser.choose(name, full_range(observer, weight, precision))
        fit = chooser.choose(name, other_ranges(observer, precision, fit))
    else:
        fit = fit_best_strength(observer, weight.numpy(), precision)
    bits = precision.weight_bits
    return LayerSpec(
        fit.weight, fit.scale, bits, fit.quantizer, step, fit.equalization, weight_limit=limit, zero_point=fit.zero_point,
        winograd=precision.winograd,
    )

