"""EDSR (Lim et al., CVPR Workshops 2017), in the key layout of BasicSR's checkpoints: pixels 0..1 at both ends."""

import torch
from torch import Tensor, nn

from tvm_srq.models.base import (
    DIV2K_RGB_MEAN,
    Config,
    Family,
    Network,
    StateDict,
    count_numbered,
    has_convolutions,
    out_channels,
    same_convolution,
    shuffle_upsampler,
    shuffled_scale,
)
from tvm_srq.models.edsr import usual_residual_scale

INNER_WHITE = 255.0  # the body computes in 0..255


class ResidualBlock(nn.Module):
    """conv - ReLU - conv, scaled and added to the input."""

    def __init__(self, features: int, residual_scale: float = 1.0):
        super().__init__()
        self.conv1 = same_convolution(features, features, 3)
        self.conv2 = same_convolution(features, features, 3)
        self.residual_scale = residual_scale

    def forward(self, x: Tensor) -> Tensor:
        residual = self.conv2(self.conv1(x).relu())
        if self.residual_scale != 1.0:
            residual = residual * self.residual_scale
        return x + residual


class BasicSREDSR(Network):
    """EDSR of any depth and width, scale 2, 3, 4 or 8; the mean colour is no part of a checkpoint."""

    mean: Tensor

    def __init__(self, blocks: int, features: int, scale: int, residual_scale: float = 1.0):
        super().__init__()
        self.scale = scale
        self.register_buffer("mean", torch.tensor(DIV2K_RGB_MEAN).view(1, 3, 1, 1), persistent=False)
        self.conv_first = same_convolution(3, features, 3)
        self.body = nn.Sequential(*[ResidualBlock(features, residual_scale) for _ in range(blocks)])
        self.conv_after_body = same_convolution(features, features, 3)
        self.upsample = shuffle_upsampler(features, scale)
        self.conv_last = same_convolution(features, 3, 3)
        upsampling = (f"upsample.{i}" for i in range(0, len(self.upsample), 2))
        self.edge_layers = ("conv_first", *upsampling, "conv_last")

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_first((x - self.mean) * INNER_WHITE)
        x = self.conv_last(self.upsample(self.conv_after_body(self.body(x)) + x))
        return x / INNER_WHITE + self.mean


def detect(state: StateDict) -> Config | None:
    """Recognise ``conv_first``, ``body.N.conv1``, ``conv_after_body``, ``upsample.0`` and ``conv_last``."""
    if not has_convolutions(state, "conv_first", "body.0.conv1", "conv_after_body", "upsample.0", "conv_last"):
        return None
    features = out_channels(state, "conv_first")
    scale = shuffled_scale(state, "upsample.", features)
    if scale is None:
        return None
    blocks = count_numbered(state, "body.", ".conv1.weight")
    return {"blocks": blocks, "features": features, "scale": scale, "residual_scale": usual_residual_scale(features)}


FAMILY = Family("edsr_basicsr", detect, BasicSREDSR)
