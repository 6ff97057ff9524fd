"""Post-training quantization of a network: collect statistics over pictures, then fit every layer's quantizers."""

import operator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import fx, nn
from tqdm import tqdm

from tvm_srq import __version__
from tvm_srq.data.pictures import list_pictures, read_picture
from tvm_srq.errors import UserError
from tvm_srq.models.base import Network
from tvm_srq.quant.dual_region import fit_aligned, fit_free
from tvm_srq.quant.observers import Observer
from tvm_srq.quant.output_choice import choose_by_output
from tvm_srq.quant.plan import PICTURE, Plan, make_plan, trace
from tvm_srq.quant.uniform import fit_least_squares, fit_minmax, fit_percentile
from tvm_srq.quant.weights import quantize_weights
from tvm_srq.spec import FreeQuantizer, GridQuantizer, LayerSpec, QuantSpec

QUANTIZERS = ("dual-region", "minmax", "percentile", "mse")
GRIDS = ("aligned", "free")
BUDGETS = ("strict", "release")
STREAM_HEADROOM = 1.5  # room above the largest calibrated value before the int16 stream saturates
CROPS, CROP_SIDE = 6, 96  # kept to compare candidate ranges by their output
MAX_SIDE = 256  # calibration pictures are cut to this many rows and columns: memory stays bounded


@dataclass(frozen=True)
class Settings:
    """How to quantize.

    Attributes:
        weight_bits, activation_bits: 2..8, for the body.
        edge_bits: for the head, the upsampler and the last convolution (the paper's layer policy).
        quantizer: one of ``QUANTIZERS``.
        grid: "aligned" runs in integers; "free" is the paper's own form, simulation only.
        level_budget: "strict" fits b-bit codes; "release" is the authors' b + 1.
        pictures: at most this many calibration pictures, evenly chosen.
        seed: of the random sample of activations.
    """

    weight_bits: int = 4
    activation_bits: int = 4
    edge_bits: int = 8
    quantizer: str = "dual-region"
    grid: str = "aligned"
    level_budget: str = "strict"
    pictures: int = 24
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("weight_bits", "activation_bits", "edge_bits"):
            if not 2 <= getattr(self, name) <= 8:
                raise UserError(f"{name.replace('_', ' ')} must be 2 to 8, not {getattr(self, name)}")
        for name, known in (("quantizer", QUANTIZERS), ("grid", GRIDS), ("level_budget", BUDGETS)):
            if getattr(self, name) not in known:
                raise UserError(f"{name.replace('_', ' ')} {getattr(self, name)!r} is none of {', '.join(known)}")


class Statistics(fx.Interpreter):
    """Runs a network and observes the input of every convolution and the extremes of every stream."""

    def __init__(self, network: nn.Module, seed: int):
        super().__init__(trace(network))
        self.generator = torch.Generator().manual_seed(seed)
        self.inputs: dict[str, Observer] = {}
        self.largest_addend = 0.0
        self.crops: list[torch.Tensor] = []

    def call_module(self, target: Any, args: tuple, kwargs: dict) -> Any:
        if isinstance(self.fetch_attr(target), nn.Conv2d):
            self.inputs.setdefault(target, Observer()).update(args[0], self.generator)
        return super().call_module(target, args, kwargs)

    def call_function(self, target: Any, args: tuple, kwargs: dict) -> Any:
        result = super().call_function(target, args, kwargs)
        if target in (operator.add, torch.add):
            tensors = [value for value in (*args, result) if isinstance(value, torch.Tensor)]
            self.largest_addend = max(self.largest_addend, *(float(value.abs().max()) for value in tensors))
        return result


@torch.no_grad()
def collect_statistics(network: Network, folder: str | Path, settings: Settings) -> Statistics:
    """Run the network over a folder of low-resolution pictures.

    Raises:
        UserError: the folder is missing, empty, or holds something unreadable.
    """
    paths = list_pictures(folder)
    chosen = [paths[i] for i in np.unique(np.linspace(0, len(paths) - 1, min(settings.pictures, len(paths))).astype(int))]
    statistics = Statistics(network, settings.seed)
    for path in tqdm(chosen, "calibrating", disable=None):
        picture = read_picture(path)[:MAX_SIDE, :MAX_SIDE]
        batch = torch.tensor(picture).permute(2, 0, 1)[None].float() * (network.pixel_range / 255.0)
        statistics.run(batch)
        if len(statistics.crops) < CROPS:
            statistics.crops.append(batch[:, :, :CROP_SIDE, :CROP_SIDE])
    return statistics


def fit_activation(observer: Observer, bits: int, settings: Settings) -> GridQuantizer | FreeQuantizer:
    if settings.quantizer == "minmax":
        return fit_minmax(observer, bits)
    if settings.quantizer == "percentile":
        return fit_percentile(observer, bits)
    if settings.quantizer == "mse":
        return fit_least_squares(observer, bits)
    if settings.grid == "free":
        return fit_free(observer, bits, settings.level_budget)
    return fit_aligned(observer, bits, settings.level_budget if bits < 8 else "strict")


def quantize_network(network: Network, folder: str | Path, settings: Settings) -> QuantSpec:
    """Quantize a network after training, from low-resolution pictures alone."""
    plan = make_plan(network)
    statistics = collect_statistics(network, folder, settings)
    stream_step = float(np.float32(STREAM_HEADROOM * max(statistics.largest_addend, 1e-6) / 32767))
    layers = {}
    for name in tqdm(plan.steps, "fitting", disable=None):
        layers[name] = quantize_layer(network, plan, name, statistics, stream_step, settings)
    quantized = {f"{name}.weight" for name in layers}
    parameters = {
        key: value.detach().numpy().astype(np.float32)
        for key, value in network.state_dict().items()
        if key not in quantized and value.is_floating_point()
    }
    metadata = {"tvm_srq": __version__, **settings.__dict__, "calibration_pictures": len(list_pictures(folder))}
    return QuantSpec(network.family, network.config, layers, parameters, metadata)


def quantize_layer(
    network: Network, plan: Plan, name: str, statistics: Statistics, stream_step: float, settings: Settings
) -> LayerSpec:
    edge = name in network.edge_layers
    weight_bits = settings.edge_bits if edge else settings.weight_bits
    activation_bits = settings.edge_bits if edge else settings.activation_bits
    convolution = cast(nn.Conv2d, network.get_submodule(name))
    codes, scale = quantize_weights(convolution.weight.detach().numpy(), weight_bits)
    reads_picture = plan.steps[name].source == PICTURE
    observer = statistics.inputs[name]
    quantizer: GridQuantizer | FreeQuantizer | None = None
    if reads_picture:
        pass  # its uint8 pixels are exact
    elif edge and settings.quantizer == "dual-region" and activation_bits == 8:
        quantizer = choose_by_output(network, name, observer, activation_bits, statistics.crops)
    else:
        quantizer = fit_activation(observer, activation_bits, settings)
    return LayerSpec(codes, scale, weight_bits, quantizer, stream_step if name in plan.streams else None)
