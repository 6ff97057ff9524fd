"""EDSR (Lim et al., CVPR Workshops 2017), in the key layout of the official EDSR-PyTorch checkpoints."""

from typing import Any

import torch
from torch import Tensor, nn

from tvm_srq.models.base import Family, Network, StateDict, count_numbered, same_convolution

DIV2K_RGB_MEAN = (0.4488, 0.4371, 0.4040)


class MeanShift(nn.Conv2d):
    """Adds ``sign`` times the training set's mean colour, as a 1x1 convolution (as the official code stores it)."""

    def __init__(self, sign: int):
        super().__init__(3, 3, kernel_size=1)
        with torch.no_grad():
            self.weight.copy_(torch.eye(3).view(3, 3, 1, 1))
            self.bias.copy_(sign * 255.0 * torch.tensor(DIV2K_RGB_MEAN))  # type: ignore[union-attr]
        self.requires_grad_(False)


class ResidualBlock(nn.Module):
    """conv - ReLU - conv, scaled and added to the input."""

    def __init__(self, features: int, residual_scale: float):
        super().__init__()
        self.body = nn.Sequential(
            same_convolution(features, features, 3), nn.ReLU(), same_convolution(features, features, 3)
        )
        self.residual_scale = residual_scale

    def forward(self, x: Tensor) -> Tensor:
        residual = self.body(x)
        if self.residual_scale != 1.0:
            residual = residual * self.residual_scale
        return residual + x


def upsampler(features: int, scale: int) -> nn.Sequential:
    """Convolutions and pixel shuffles: x2 once for scale 2, twice for 4; x3 for scale 3."""
    factors = {2: [2], 3: [3], 4: [2, 2]}[scale]
    layers: list[nn.Module] = []
    for factor in factors:
        layers += [same_convolution(features, features * factor**2, 3), nn.PixelShuffle(factor)]
    return nn.Sequential(*layers)


class EDSR(Network):
    """EDSR of any depth and width, scale 2, 3 or 4; pixels in 0..255 at both ends."""

    def __init__(self, blocks: int, features: int, scale: int, residual_scale: float = 1.0):
        super().__init__()
        self.scale, self.pixel_range, self.output_range = scale, 255.0, (0.0, 255.0)
        self.sub_mean = MeanShift(-1)
        self.head = nn.Sequential(same_convolution(3, features, 3))
        self.body = nn.Sequential(
            *[ResidualBlock(features, residual_scale) for _ in range(blocks)], same_convolution(features, features, 3)
        )
        self.tail = nn.Sequential(upsampler(features, scale), same_convolution(features, 3, 3))
        self.add_mean = MeanShift(1)
        upsampling = tuple(f"tail.0.{2 * i}" for i in range(2 if scale == 4 else 1))
        self.edge_layers = ("head.0", *upsampling, "tail.1")

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(self.sub_mean(x))
        return self.add_mean(self.tail(self.body(x) + x))


def detect(state: StateDict) -> dict[str, Any] | None:
    """Recognise the official layout: ``body.N.body.0``, ``tail.0.0`` and ``tail.1``.

    The residual scale is not part of a checkpoint: EDSR-PyTorch uses 0.1 with 256 features and 1 otherwise.
    """
    if not {"head.0.weight", "body.0.body.0.weight", "tail.0.0.weight", "tail.1.weight"} <= state.keys():
        return None
    features = state["head.0.weight"].shape[0]
    factor = state["tail.0.0.weight"].shape[0] // features
    scale = {9: 3, 4: 4 if "tail.0.2.weight" in state else 2}.get(factor)
    if scale is None:
        return None
    blocks = count_numbered(state, "body.", ".body.0.weight")
    return {"blocks": blocks, "features": features, "scale": scale, "residual_scale": 0.1 if features == 256 else 1.0}


FAMILY = Family("edsr", detect, EDSR)
