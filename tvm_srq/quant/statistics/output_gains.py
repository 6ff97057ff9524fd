"""How errors of single channels come through to the picture: by gradients, for all convolutions at once.

An error of variance e at every pixel of a convolution's output channel, independent from pixel to pixel, adds e * gain to the
mean squared error of the picture. With random signs v, the gradient of v . output at a value has the mean square of all outputs'
derivatives there (Hutchinson's estimate), so one backward pass of a picture tells the gains of all channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tvm_srq.graph.network import GraphNetwork

LEAST = 1e-3  # of a convolution's mean gain: what a channel counts at least, which pictures here may just not have needed


@torch.enable_grad()
def output_gains(network: GraphNetwork, pictures: Sequence[Tensor], seed: int = 0) -> dict[str, NDArray[np.float64]]:
    """By convolution, (O,) squared grey levels of the picture for a unit of squared error in each output channel.

    Args:
        pictures: (1, C, H, W) network inputs.
    """
    generator = torch.Generator().manual_seed(seed)
    names = [node.name for node in network.graph.convolutions()]
    total = {name: np.zeros(network.convolution(name).out_channels) for name in names}
    for picture in pictures:
        seen: dict[str, Tensor] = {}
        hooks = [network.convolution(name).register_forward_hook(partial(keep, seen, name)) for name in names]
        try:
            output = network(picture.clone().requires_grad_()) / network.graph.picture.grey_level
        finally:
            for hook in hooks:
                hook.remove()
        signs = torch.randint(0, 2, output.shape, generator=generator) * 2.0 - 1
        found = torch.autograd.grad(output, list(seen.values()), signs, allow_unused=True)
        for name, gradient in zip(seen, found, strict=True):
            if gradient is not None:
                total[name] += (gradient.square().sum((0, 2, 3)) / output.numel()).double().numpy() / len(pictures)
    return {name: np.maximum(gains, LEAST * gains.mean() or 1.0) for name, gains in total.items()}


def keep(seen: dict[str, Tensor], name: str, module: torch.nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    """A forward hook."""
    seen[name] = output
