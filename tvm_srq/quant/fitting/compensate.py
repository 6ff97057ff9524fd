"""Weights fitted once more, convolution by convolution, to the codes that they are really given.

Rounding an input shrinks what little varies of it into noise, and what goes before has errors of its own, which are correlated
with the signal. Least squares on a convolution's coded inputs makes up for both, as far as they can be told from the input:

    W' = argmin E|W x - W' x'|^2 + ridge |W' - W|^2  =  (W E[x x'^T] + ridge W) (E[x' x'^T] + ridge)^-1,

rounded with feedback; a correction then takes the outputs' mean errors away. x' is what the quantized network's convolution
reads, coded. For x there are two choices (``Target``), and which is better differs by network: on skip streams, later blocks
of a network undo some errors of earlier ones by themselves, and do so no more when each is held to what it would have made.
So both are tried, and the network's output on held-out pictures decides, also whether any compensation pays. (Related: GPTQ,
Frantar et al., ICLR 2023, for x = x'; asymmetric calibration in GPTAQ, Li et al., ICML 2025.)
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from tvm_srq.graph.graph import Graph, Node
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.quant.fitting.rounding import patches_at, round_with_feedback
from tvm_srq.quant.simulate import quantizing_hook
from tvm_srq.quant.training.visible_error import simulated_distance
from tvm_srq.quant.walk import Walk
from tvm_srq.spec import LayerSpec, QuantSpec

RIDGE = 0.1  # of the moments' mean diagonal
PATCHES = 1024  # of each picture
MOST_WEIGHTS = 2304  # of a kernel, groups apart: beyond, so many patches say too little, and solving takes too long
MEMORY = 2**28  # float32 numbers that the largest value of all pictures together may have
SQUARES = 0.02  # what flat colours count beside a photograph: they are so strong that more spoils all else
CLEARLY = 0.9  # of the other candidates' error
NONE = "none"
SIDES = (32, 96)  # pictures are cut to so many rows and columns at least and at most


class Target(Enum):
    """What a convolution's output is brought near: what the full-precision network has there, or its own without rounding."""

    NETWORK = "network"
    OWN = "own"


@torch.no_grad()
def compensated(
    network: GraphNetwork, spec: QuantSpec, pictures: list[Tensor], squares: Tensor | None, held_out: list[Tensor],
    targets: list[Tensor], seed: int = 0,
) -> tuple[QuantSpec, dict[str, float]]:  # fmt: skip
    """The better of two compensations, or ``spec`` itself where neither brings the output nearer.

    Args:
        pictures, held_out: (1, C, H, W) network inputs to fit on and to compare on; ``targets``: the latter's outputs.
        squares: one to fit on as well, of flat colours (quant.fitting.reached), or None.

    Returns:
        The QuantSpec, and by candidate the error of the output on ``held_out``, in squared 8-bit grey levels.
    """
    candidates, errors = {NONE: spec}, {NONE: simulated_distance(spec, held_out, targets)}
    counts = [1.0] * len(pictures)
    if squares is not None:
        pictures, counts = [*pictures, squares], [*counts, SQUARES]
    for target in Target:
        candidates[target.value] = Compensation(network, spec, pictures, counts, target, seed).run()
        errors[target.value] = simulated_distance(candidates[target.value], held_out, targets)
    return candidates[chosen(errors)], errors


def chosen(errors: dict[str, float]) -> str:
    """The candidate of least error. Held to what the network has, layers blur, which the error does not tell: a tenth more."""
    own = min((NONE, Target.OWN.value), key=lambda name: errors[name])
    network = Target.NETWORK.value
    return network if errors[network] < CLEARLY * errors[own] else own


def crop_side(graph: Graph, count: int) -> int:
    """Rows and columns that so many pictures are cut to: as many as memory allows."""
    by_pixel = max(graph.channels[node.name] * graph.extents[node.name](1024) ** 2 / 1024**2 for node in graph.nodes)
    return max(int(np.clip(math.sqrt(MEMORY / (count * by_pixel)), *SIDES)), graph.smallest)


@dataclass
class Moments:
    """Of a convolution's input patches, (inputs * kh * kw) squared: of what it reads, and of its target's with what it reads."""

    read: Tensor
    mixed: Tensor


class Compensation:
    """One pass through a network and its quantized copy, side by side.

    Args:
        batches: (1, C, H, W) network inputs; ``counts``: what each counts.
    """

    def __init__(
        self, network: GraphNetwork, spec: QuantSpec, batches: list[Tensor], counts: list[float], target: Target, seed: int
    ):
        self.network, self.spec, self.target = network, spec, target
        self.counts = [count / sum(counts) for count in counts]
        self.coded = GraphNetwork(network.graph)
        self.exact_walk, self.coded_walk = Walk(network, batches), Walk(self.coded, batches)
        self.generator = torch.Generator().manual_seed(seed)

    def run(self) -> QuantSpec:
        graph, layers = self.network.graph, dict(self.spec.layers)
        applied = Counter(node.parameters["weight"] for node in graph.convolutions())
        for position, node in enumerate(tqdm(graph.nodes, f"compensating ({self.target.value})", disable=None)):
            if node.operator == "convolution":
                if self.target is Target.NETWORK:
                    self.exact_walk.go_on(position)
                self.coded_walk.go_on(position)
                if applied[node.parameters["weight"]] == 1:  # codes of weights that are applied again are shared
                    layers[node.name] = self.fit(node, layers[node.name])
                self.install(node, layers[node.name])
        return replace(self.spec, layers=layers)

    def inputs(self, node: Node, layer: LayerSpec) -> list[tuple[Tensor, Tensor]]:
        """By picture, what the convolution is to read and what it does read."""
        name, pairs = node.inputs[0], []
        exact = self.exact_walk if self.target is Target.NETWORK else self.coded_walk
        for wanted, values in zip(exact.values, self.coded_walk.values, strict=True):
            read = values[name]
            if layer.input is not None:
                (read,) = quantizing_hook(layer)(self.coded, (read,))
            pairs.append((wanted[name], read))
        return pairs

    def fit(self, node: Node, layer: LayerSpec) -> LayerSpec:
        """A layer with other codes, and a correction."""
        exact = torch.tensor(self.network.graph.parameters[node.parameters["weight"]])
        pairs, groups = self.inputs(node, layer), node.attributes["groups"]
        if exact[0].numel() <= MOST_WEIGHTS:
            layer = replace(layer, weight=self.codes(exact, layer, groups, pairs))
        return replace(layer, correction=mean_error(exact, torch.tensor(layer.real_weight), groups, pairs, self.counts))

    def codes(self, exact: Tensor, layer: LayerSpec, groups: int, pairs: list[tuple[Tensor, Tensor]]) -> NDArray[np.int8]:
        moments = self.moments(exact.shape[2], groups, pairs)
        outputs, inputs, kernel, _ = exact.shape
        factors = np.ones(inputs * groups, np.float32) if layer.equalization is None else layer.equalization
        codes = layer.weight.copy()
        for group, of_group in enumerate(moments):
            rows = slice(group * outputs // groups, (group + 1) * outputs // groups)
            fitted = least_squares(exact[rows].flatten(1).double(), of_group)
            by_weight = factors[group * inputs : (group + 1) * inputs].repeat(kernel * kernel)
            unrounded = fitted.numpy() * by_weight / layer.weight_scale[rows, None]
            scaled = (of_group.read.numpy() / np.outer(by_weight, by_weight)).astype(np.float32)
            shaped = unrounded.astype(np.float32).reshape(codes[rows].shape)
            codes[rows] = round_with_feedback(shaped, layer.weight_magnitude, scaled, layer.winograd)
        return codes

    def moments(self, kernel: int, groups: int, pairs: list[tuple[Tensor, Tensor]]) -> list[Moments]:
        """By group of channels, about the means: those are left to the correction."""
        length = (len(pairs), groups, pairs[0][1].shape[1] // groups * kernel**2)
        products = [torch.zeros(groups, length[2], length[2], dtype=torch.float64) for _ in range(2)]
        means = [torch.empty(length, dtype=torch.float64) for _ in range(2)]
        for index, pair in enumerate(pairs):
            rows, columns = (torch.randint(n, (PATCHES,), generator=self.generator) for n in pair[0].shape[2:])
            both = [patches_at(value, kernel, rows, columns).reshape(PATCHES, groups, -1).transpose(0, 1) for value in pair]
            for mean, product, patches in zip(means, products, both, strict=True):
                mean[index] = patches.mean(1) * self.counts[index]
                product += (patches.transpose(1, 2) @ both[1] / PATCHES).double() * self.counts[index]
        of_wanted, of_read = (mean.sum(0) for mean in means)
        mixed, read = (
            product - mean[:, :, None] * of_read[:, None]
            for product, mean in zip(products, (of_wanted, of_read), strict=True)
        )
        return [Moments(*of_group) for of_group in zip(read, mixed, strict=True)]

    def install(self, node: Node, layer: LayerSpec) -> None:
        """Let the copy's convolution compute what the quantized one will."""
        convolution = self.coded.convolution(node.name)
        convolution.weight.data = torch.tensor(layer.real_weight)
        if layer.correction is not None:
            own = torch.zeros(len(layer.correction)) if convolution.bias is None else convolution.bias.data
            convolution.bias = torch.nn.Parameter(own + torch.tensor(layer.correction), requires_grad=False)
        if layer.input is not None:
            convolution.register_forward_pre_hook(quantizing_hook(layer))


def least_squares(exact: Tensor, moments: Moments) -> Tensor:
    """(O, n) weights that make of what is read what the exact ones make of the target; equation above."""
    ridge = RIDGE * moments.read.diagonal().mean() + 1e-12
    damped = moments.read + ridge * torch.eye(len(moments.read), dtype=torch.float64)
    return torch.linalg.solve(damped, (exact @ moments.mixed + ridge * exact).T).T


def mean_error(
    exact: Tensor, coded: Tensor, groups: int, pairs: list[tuple[Tensor, Tensor]], counts: list[float]
) -> NDArray[np.float32]:
    """(O,) by how much the outputs of coded weights are too small on average."""
    padding = exact.shape[2] // 2
    total = torch.zeros(len(exact), dtype=torch.float64)
    for (wanted, read), count in zip(pairs, counts, strict=True):
        for sign, weight, value in ((count, exact, wanted), (-count, coded, read)):
            total += sign * functional.conv2d(value, weight, padding=padding, groups=groups).mean((0, 2, 3)).double()
    return total.float().numpy()
