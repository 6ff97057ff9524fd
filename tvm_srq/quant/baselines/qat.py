"""Quantization-aware training with ground truth: a baseline to compare with, no part of how tvm_srq quantizes.

Weights, biases, batch norm's factors, PReLU's slopes, weight bounds and activation bounds are all trained towards the
high-resolution pictures (mean absolute difference), in the manner of PAMS or DDTB (quant.baselines.learned_range). Against their
releases:

- the inputs of all convolutions are quantized, by the layer policy of quant.policy.settings, and nothing else; the releases
  leave head and tail in floats and quantize the residual branches' outputs too;
- weights have a learned bound per output channel; the releases take a tensor's largest weight (PAMS) or percentiles (DDTB);
- PAMS's structured knowledge transfer, which both releases add to the loss, and DDTB's dynamic gate are left out: a step costs
  less here than there;
- batch norm keeps its statistics;
- a tensor's learning rate goes with its magnitude, the published one being for weights of the usual one: a checkpoint converted
  from another pixel range may have a head of 0.0005, which plain Adam at 1e-4 destroys in two steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from tvm_srq.data.datasets import paired
from tvm_srq.data.patches import Pair, draw_patches
from tvm_srq.data.pictures import list_pictures
from tvm_srq.errors import UserError
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.quant.baselines.learned_bounds import LearnedConvolution
from tvm_srq.quant.baselines.learned_range import FORMS
from tvm_srq.quant.baselines.sensitivity_aware import learned_convolution, learned_network
from tvm_srq.quant.fitting.calibrate import quantize_network, statistics_for
from tvm_srq.quant.policy.edges import made_by
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.quant.training.low_precision_gradients import conv2d
from tvm_srq.spec import QuantSpec


@dataclass(frozen=True)
class AwareSchedule:
    """How long and on what to train; the defaults are those that PAMS and DDTB publish, but for the number of steps.

    Attributes:
        steps: optimizer steps; batch: patches a step; patch: their side in low-resolution pixels.
        rate: Adam's, for tensors with a root mean square of ``USUAL``; others have theirs in proportion.
        bound_rate: of the bounds' ratios to their first values (the releases: 1e-2, of the bounds themselves).
        halving: the rates are halved every so many steps.
    """

    steps: int = 100
    batch: int = 16
    patch: int = 48
    rate: float = 1e-4
    bound_rate: float = 1e-3
    halving: int = 10_000


# PAMS: option.py of colorjam/PAMS, 30 epochs of test_every = 1000 batches of 16. DDTB: option.py of zysxmu/DDTB, 60 such epochs,
# the first of which only calibrates. Both: DIV2K, Adam at 1e-4, halved every 10 epochs, 48x48 low-resolution patches (run.sh).
PUBLISHED_STEPS = {"pams": 30_000, "ddtb": 59_000}
USUAL = 0.05  # root mean square of body weights of EDSR
RECENT = 20  # losses of the last steps are kept


def train_aware(
    network: GraphNetwork, low_folder: str | Path, high_folder: str | Path, settings: Settings, form: str = "pams",
    schedule: AwareSchedule | None = None, seed: int = 0,
) -> QuantSpec:  # fmt: skip
    """Train a quantized network towards ground truth; repeatable bit for bit on one machine with one thread count.

    Args:
        low_folder, high_folder: low-resolution pictures and what they should become, paired by name (data.datasets.paired).
        settings: widths and layer policy; quantizer, grid, equalization and rounding of it do not matter.
        form: "pams" or "ddtb".

    Raises:
        UserError: an unknown form, unreadable or unpaired pictures, or pictures smaller than a patch.
    """
    schedule = schedule or AwareSchedule()
    *_, (_, spec) = training(network, low_folder, high_folder, settings, form, schedule, [schedule.steps], seed)
    return spec


def quantize_aware(
    network: GraphNetwork, low_folder: str | Path, high_folder: str | Path, bits: int, form: str = "pams", steps: int = 100
) -> QuantSpec:
    """:func:`train_aware` for a table of methods: ``bits`` of weights and activations in the body, the paper's layer policy."""
    return train_aware(network, low_folder, high_folder, Settings(bits, bits), form, AwareSchedule(steps))


def training(
    network: GraphNetwork, low_folder: str | Path, high_folder: str | Path, settings: Settings, form: str,
    schedule: AwareSchedule, stops: Sequence[int], seed: int = 0,
) -> Iterator[tuple[int, QuantSpec]]:  # fmt: skip
    """As :func:`train_aware`; yields what has been reached after each number of steps in ``stops`` (increasing, from 0 on)."""
    if form not in FORMS:
        raise UserError(f"form {form} of quantization-aware training is none of {', '.join(FORMS)}")
    pictures = training_pairs(low_folder, high_folder, network.scale, schedule.patch)
    settings = replace(settings, quantizer="minmax", grid="aligned", equalize=False, rounding="nearest")
    statistics = statistics_for(network, low_folder, settings)
    start = quantize_network(network, low_folder, settings, statistics)
    student = learned_network(network, statistics.values, settings, FORMS[form])
    let_all_train(student, start)
    optimizer = torch.optim.Adam(parameter_groups(student, start, schedule))
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, schedule.halving, 0.5)
    random = np.random.default_rng(seed)
    losses: list[float] = []
    with tqdm(total=max(stops), desc="quantization-aware training", disable=None) as progress:
        for before, stop in pairwise([0, *stops]):
            for _ in range(before, stop):
                low, high = draw_patches(pictures, schedule.batch, schedule.patch, network.scale, random)
                losses.append(step(student, low, high, optimizer))
                scheduler.step()
                progress.update()
                progress.set_postfix(loss=f"{np.mean(losses[-RECENT:]):.3f}", refresh=False)
            about = {"preset": f"qat {form}", "qat_steps": stop, "qat_seed": seed, "qat_losses": losses[-RECENT:]}
            yield stop, learned_spec(student, start, about)


def training_pairs(low_folder: str | Path, high_folder: str | Path, scale: int, patch: int) -> list[Pair]:
    """(low, high) uint8 pictures.

    Raises:
        UserError: as train_aware.
    """
    list_pictures(low_folder)
    found = []
    for name, low, high in tqdm(paired(Path(low_folder), Path(high_folder), scale), "pictures", disable=None):
        if min(low.shape[:2]) < patch:
            raise UserError(f"picture {name} is smaller than a training patch of {patch} low-resolution pixels; leave it out")
        found.append((low, high))
    return found


def let_all_train(student: GraphNetwork, start: QuantSpec) -> None:
    """Gradients for weights, biases, slopes, and for the factors and offsets that batch norm left behind convolutions.

    What follows the last convolution is the picture's mean and range, which are constants.
    """
    graph = student.graph
    last = made_by(graph, graph.output)
    for name in start.layers:
        convolution = learned_convolution(student, name)
        convolution.convolve = conv2d
        for parameter in (convolution.weight, convolution.bias):
            if parameter is not None:
                parameter.requires_grad_(True)
    for node in graph.nodes:
        behind = node.inputs[0] in start.layers and node.inputs[0] not in last
        by_channel = node.operator == "affine" and len(graph.parameters[node.parameters["multiplier"]]) > 1
        if node.operator == "prelu" or (behind and by_channel):
            for key in node.parameters.values():
                student.train_parameter(key)


def parameter_groups(student: GraphNetwork, start: QuantSpec, schedule: AwareSchedule) -> list[dict[str, Any]]:
    """What the network has, each at its own rate, and the bounds that quantizing it added."""
    bounds = [p for name in start.layers for p in bounds_of(learned_convolution(student, name)) if p.requires_grad]
    added = {id(parameter) for parameter in bounds}
    groups: list[dict[str, Any]] = []
    for parameter in student.parameters():
        if parameter.requires_grad and id(parameter) not in added:
            magnitude = float(parameter.detach().square().mean().sqrt()) or USUAL
            groups.append({"params": [parameter], "lr": schedule.rate * magnitude / USUAL})
    return [*groups, {"params": bounds, "lr": schedule.bound_rate}]


def bounds_of(convolution: LearnedConvolution) -> list[nn.Parameter]:
    return [convolution.bound, *([] if convolution.activation is None else convolution.activation.parameters())]


def step(student: GraphNetwork, low: NDArray[np.uint8], high: NDArray[np.uint8], optimizer: torch.optim.Optimizer) -> float:
    """One optimizer step on (N, H, W, 3) patches; the loss before it, in grey levels of 0..255."""
    picture = student.graph.picture
    black, white = picture.output_range
    made = student(as_tensor(low) * (picture.white / 255.0))
    loss = ((made - black) * (255.0 / (white - black)) - as_tensor(high)).abs().mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.item()


def as_tensor(pictures: NDArray[np.uint8]) -> Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) float32 in 0..255."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float().contiguous()


@torch.no_grad()
def learned_spec(student: GraphNetwork, start: QuantSpec, about: dict[str, Any]) -> QuantSpec:
    """The QuantSpec that a student stands for; ``start`` gives streams, ``about`` is added to the metadata."""
    layers = {name: learned_convolution(student, name).layer(layer) for name, layer in start.layers.items()}
    graph, learned = start.graph, {}
    for node in graph.nodes:
        if node.name in layers and "bias" in node.parameters:
            bias = learned_convolution(student, node.name).bias
            assert bias is not None
            learned[node.parameters["bias"]] = bias.numpy().copy()
        elif node.name not in layers:
            learned |= {key: student.get_parameter_of(key).numpy().copy() for key in node.parameters.values()}
    graph = replace(graph, parameters={**graph.parameters, **learned})
    return replace(start, graph=graph, layers=layers, metadata={**start.metadata, **about})
