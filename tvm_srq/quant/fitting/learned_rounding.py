"""Learned rounding of weights (AdaRound, Nagel et al., ICML 2020): the choices of convolutions, and what they are made by.

Every weight stays where it is or moves to the next code towards its exact value. The choice is a number between 0 and 1, trained
with the other choices to bring the outputs nearer to the full-precision ones, and drawn to 0 or 1 in the end. A weight
that rounding with feedback took away from its exact value has its way back among the two; nearer to 0 than to 1 at first, all
stay where they are if nothing is gained.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tvm_srq.affine import per_weight
from tvm_srq.quant.training.trainable import TrainableConvolution
from tvm_srq.spec import LayerSpec
from tvm_srq.winograd_range import INT8, largest_transformed

LOWEST, HIGHEST = -0.1, 1.1  # the rectified sigmoid's bounds before clipping (AdaRound, equation 23)
FIRST = 0.1  # of the way to its exact value, where each weight starts
MOST_AT_FIRST = 0.49  # of a move, below the half that decides
FLOOR = 0.03  # of the usual squared distance


@dataclass(frozen=True)
class RoundingSchedule:
    """How long and on what to learn.

    Attributes:
        steps: optimizer steps for each unit.
        batch: patches a step; ``patch``: their side in low-resolution pixels; ``pool``: different patches in all.
        margin: low-resolution pixels at a patch's border that do not count: zeros lie beyond them, not the picture.
        rate: Adam's learning rate.
        pull: weight of the regularizer against the logarithm of the unit's error.
        warm_up: share of the steps without the regularizer.
        sharpness: its exponent, from the first value to the last along a cosine.
    """

    steps: int = 700
    batch: int = 4
    patch: int = 32
    margin: int = 2
    pool: int = 256
    rate: float = 0.05
    pull: float = 10.0
    warm_up: float = 0.2
    sharpness: tuple[float, float] = (20.0, 2.0)

    def exponent(self, step: int) -> float | None:
        """The regularizer's exponent at a step; None while warming up."""
        begin = self.warm_up * self.steps
        if step < begin:
            return None
        first, last = self.sharpness
        return last + (first - last) * (1 + np.cos(np.pi * (step - begin) / (self.steps - begin))) / 2


def unrounded_codes(exact: NDArray[np.float32], layer: LayerSpec) -> NDArray[np.float32]:
    """(O, I / groups, kh, kw) full-precision weights in units of a layer's scales."""
    scaled = exact / layer.weight_scale.reshape(-1, 1, 1, 1)
    return scaled if layer.equalization is None else scaled * per_weight(layer.equalization, exact.shape)


class LearnedRounding(TrainableConvolution):
    """A quantized convolution of which nothing is trained but where its weights are rounded to.

    Attributes:
        choice: (O, I / groups, kh, kw), what the rectified sigmoid makes the share of a move of.
        soft: whether weights lie between their two codes, for training, or on one of them.
    """

    start: Tensor
    direction: Tensor

    def __init__(self, convolution: nn.Conv2d, exact: Tensor, layer: LayerSpec):
        super().__init__(convolution, exact, layer, layer.weight_magnitude)
        self.requires_grad_(False)
        del self.codes
        self.layer, self.soft = layer, False
        start = torch.tensor(layer.weight.astype(np.float32))
        away = torch.tensor(unrounded_codes(exact.numpy(), layer)) - start
        neighbour = (start + away.sign()).clamp(-self.magnitude, self.magnitude)
        self.register_buffer("start", start)
        self.register_buffer("direction", neighbour - start)
        share = (FIRST * away.abs()).clamp(max=MOST_AT_FIRST)
        self.choice = nn.Parameter(torch.logit((share - LOWEST) / (HIGHEST - LOWEST)))

    def share(self) -> Tensor:
        """Of each move, 0 to 1."""
        return (self.choice.sigmoid() * (HIGHEST - LOWEST) + LOWEST).clamp(0, 1)

    def integer_weights(self) -> Tensor:
        share = self.share()
        return self.start + self.direction * (share if self.soft else (share >= 0.5).float())

    @torch.no_grad()
    def settle(self) -> None:
        """Take back what would leave the range of exact Winograd, kernel by kernel."""
        if self.winograd:
            codes = self.start + self.direction * (self.share() >= 0.5)
            beyond = torch.tensor(largest_transformed(codes.numpy().astype(np.int64)) > INT8)
            self.choice[beyond] = self.choice[beyond].clamp(max=-1)

    @torch.no_grad()
    def take_back(self) -> None:
        """All weights stay at their first codes."""
        self.choice.clamp_(max=-1)

    @torch.no_grad()
    def rounded(self) -> LayerSpec:
        codes = self.start + self.direction * (self.share() >= 0.5)
        return replace(self.layer, weight=codes.numpy().astype(np.int8))


def undecided(convolutions: list[LearnedRounding], exponent: float) -> Tensor:
    """AdaRound's regularizer, the mean over all weights that have a choice: 1 for shares of a half, 0 for 0 and 1."""
    total = sum(((1 - (2 * c.share() - 1).abs().pow(exponent)) * c.direction.abs()).sum() for c in convolutions)
    return torch.as_tensor(total) / max(float(sum(c.direction.abs().sum() for c in convolutions)), 1.0)


def squared_distance(outputs: list[Tensor], targets: list[Tensor], margin: float) -> Tensor:
    """(N,) mean squared distance of every patch, summed over a unit's outputs.

    Args:
        outputs, targets: (N, C, H, W) each.
        margin: the share of each side that does not count.
    """
    total = torch.zeros(len(outputs[0]))
    for output, target in zip(outputs, targets, strict=True):
        top, left = (int(margin * side) for side in output.shape[2:])
        inner = (output - target)[:, :, top : output.shape[2] - top, left : output.shape[3] - left]
        total = total + inner.square().mean((1, 2, 3))
    return total


def logarithmic(distances: Tensor, usual: float) -> Tensor:
    """(N,) squared distances -> (): the logarithms' mean: busy patches, whose errors are the largest, do not count alone.

    Args:
        usual: the distance to measure by, before learning; what is far below it hardly counts.
    """
    return (distances / max(usual, 1e-30) + FLOOR).log().mean()
