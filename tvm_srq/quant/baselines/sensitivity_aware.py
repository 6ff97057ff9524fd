"""Sensitivity-aware finetuning as the paper does it (arXiv 2511.00682, section 3.3): the preset ``paper``.

Only bounds are trained: weight bounds, activation bounds and breakpoints, one kind an epoch, in turn. The loss is
``5 * mean |K(x) - Q(x)| + 10 * sum_k s_k || F_K / ||F_K|| - F_Q / ||F_Q|| || / K`` over the outputs K, Q and the feature maps F
of full-precision and quantized network; s is the softmax of the layers' mean standard deviations. Differences from the authors'
release: weights have a bound per channel and a grid with zero, bounds are trained relative to their first values, and no test
picture chooses a checkpoint.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from tvm_srq.graph.network import GraphNetwork
from tvm_srq.quant.baselines.learned_bounds import Form, LearnedActivation, LearnedConvolution
from tvm_srq.quant.baselines.learned_range import LearnedRange
from tvm_srq.quant.coded_values import reads_pixels
from tvm_srq.quant.fitting.plain import input_observer
from tvm_srq.quant.policy.policy import Policy
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.quant.statistics.observers import Observer
from tvm_srq.quant.training.resume import Progress, Training
from tvm_srq.quant.training.state_file import identity
from tvm_srq.spec import QuantSpec

OUTPUT_WEIGHT, FEATURE_WEIGHT = 5.0, 10.0  # lambda and w of the release


@dataclass(frozen=True)
class PaperSchedule:
    """Epochs over all patches; the rate falls by ``decay`` every ``decay_epochs``. ``sensitivity``: whether features count.

    ``patch``: its side in low-resolution pixels; the paper's are 384 pixels of an output at x4.
    """

    epochs: int = 10
    batch: int = 2
    patch: int = 96
    rate: float = 1e-3
    decay: float = 0.5
    decay_epochs: int = 3
    sensitivity: bool = True


def learned_network(
    network: GraphNetwork, observers: dict[str, Observer], settings: Settings,
    quantizer_of: Callable[[Observer, int], LearnedActivation | LearnedRange],
) -> GraphNetwork:  # fmt: skip
    """A copy of the network whose convolutions have learned bounds; nothing else of it takes gradients.

    Args:
        quantizer_of: an input's observer and width -> its quantizer, at its first bounds.
    """
    graph, result = network.graph, copy.deepcopy(network).requires_grad_(False)
    policy = Policy(graph, settings)
    for node in graph.convolutions():
        precision, activation = policy.precision(node.name), None
        if not reads_pixels(graph, node):
            activation = quantizer_of(input_observer(graph, node.name, observers), precision.activation_bits)
        result.set_submodule(node.name, LearnedConvolution(result.convolution(node.name), precision, activation))
    return result.eval()


class FeatureMaps:
    """The outputs of a full-precision network's convolutions, by name."""

    def __init__(self, network: GraphNetwork, names: list[str]):
        self.network = network
        self.maps: dict[str, Tensor] = {}
        for name in names:
            network.get_submodule(name).register_forward_hook(self.keeping(name))

    def keeping(self, name: str) -> Any:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            self.maps[name] = output

        return hook

    @torch.no_grad()
    def __call__(self, batch: Tensor) -> Tensor:
        return self.network(batch)


def sensitivities(features: FeatureMaps, patches: Tensor, names: list[str]) -> dict[str, float]:
    """s_k: the softmax over layers of the mean standard deviation of their feature maps."""
    deviations = torch.zeros(len(names))
    for chunk in patches.split(4):
        features(chunk)
        deviations += torch.stack([features.maps[name].std((1, 2, 3)).sum() for name in names])
    return dict(zip(names, torch.softmax(deviations / len(patches), 0).tolist(), strict=True))


def learned_convolution(network: GraphNetwork, name: str) -> LearnedConvolution:
    convolution = network.get_submodule(name)
    assert isinstance(convolution, LearnedConvolution)
    return convolution


def feature_loss(features: FeatureMaps, student: GraphNetwork, weights: dict[str, float]) -> Tensor:
    total = torch.zeros(())
    for name, weight in weights.items():
        exact, made = features.maps[name], learned_convolution(student, name).output
        total = total + weight * (exact / exact.norm() - made / made.norm()).norm()
    return total / len(weights)


@dataclass(kw_only=True)
class BoundsTraining(Training):
    """Where training of bounds is.

    Attributes:
        optimizers: one for each kind of bound, taking turns epoch by epoch.
        generator: draws ``order``, that of the patches in the present epoch.
    """

    student: GraphNetwork
    optimizers: list[torch.optim.Adam]
    generator: torch.Generator
    order: Tensor

    @classmethod
    def at(cls, student: GraphNetwork, names: list[str], form: Form, rate: float, seed: int) -> BoundsTraining:
        layers = [learned_convolution(student, name) for name in names]
        activations = [layer.activation for layer in layers if isinstance(layer.activation, LearnedActivation)]
        kinds: list[list[nn.Parameter]] = [
            [layer.bound for layer in layers],
            [bound for activation in activations for bound in (activation.lower, activation.upper)],
            [activation.breakpoint for activation in activations] if form.dual_region else [],
        ]
        optimizers = [torch.optim.Adam(kind, lr=rate) for kind in kinds if kind]
        generator = torch.Generator().manual_seed(seed)
        return cls(student=student, optimizers=optimizers, generator=generator, order=torch.zeros(0, dtype=torch.int64))

    def descend(self, loss: Tensor, epoch: int, rate: float) -> None:
        optimizer = self.optimizers[epoch % len(self.optimizers)]
        for group in optimizer.param_groups:
            group["lr"] = rate
        self.student.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def finetune_bounds(
    network: GraphNetwork, spec: QuantSpec, observers: dict[str, Observer], patches: Tensor, settings: Settings, form: Form,
    schedule: PaperSchedule, progress: Progress | None = None,
) -> QuantSpec:  # fmt: skip
    """Train bounds on patches of low-resolution pictures.

    Args:
        spec: gives what is not trained (stream steps, parameters).
        patches: (n, 3, side, side) network inputs.
        progress: keeps the state of training in a file, to go on from.
    """
    names = list(spec.layers)
    student = learned_network(network, observers, settings, partial(LearnedActivation, form=form))
    features = FeatureMaps(copy.deepcopy(network), names)
    weights = sensitivities(features, patches, names) if schedule.sensitivity else {}
    now = BoundsTraining.at(student, names, form, schedule.rate, settings.seed)
    black, white = network.graph.picture.output_range
    an_epoch = math.ceil(len(patches) / schedule.batch)
    origin = ["bounds 2", identity(network), spec, now.student.state_dict(), patches, settings, form, schedule]
    with (progress or Progress()).steps(now, schedule.epochs * an_epoch, origin, "finetuning bounds") as steps:
        for step in steps:
            epoch, place = divmod(step, an_epoch)
            if place == 0:
                now.order = torch.randperm(len(patches), generator=now.generator)
            batch = patches[now.order[place * schedule.batch : (place + 1) * schedule.batch]]
            wanted, made = features(batch), student(batch)
            loss = OUTPUT_WEIGHT * ((made - wanted) / (white - black)).abs().mean()
            if weights:
                loss = loss + FEATURE_WEIGHT * feature_loss(features, student, weights)
            now.descend(loss, epoch, schedule.rate * schedule.decay ** (epoch // schedule.decay_epochs))
    learned = {name: learned_convolution(student, name).layer(spec.layers[name]) for name in names}
    return replace(spec, layers=learned)
