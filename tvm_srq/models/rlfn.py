"""RLFN (Kong et al., CVPR Workshops 2022), in the key layout of its entry to the NTIRE 2022 challenge."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, max_pool2d

from tvm_srq.models.base import (
    Config,
    Family,
    Network,
    StateDict,
    count_numbered,
    has_convolutions,
    in_channels,
    out_channels,
    same_convolution,
    shuffle_factor,
)

SLOPE = 0.05
POOLING = 7


class SpatialAttention(nn.Module):
    """ESA: a gate per value, computed at about a sixth of the size and enlarged bilinearly."""

    def __init__(self, features: int, squeezed: int):
        super().__init__()
        self.conv1 = same_convolution(features, squeezed, 1)
        self.conv2 = nn.Conv2d(squeezed, squeezed, 3, stride=2)
        self.conv3 = same_convolution(squeezed, squeezed, 3)
        self.conv_f = same_convolution(squeezed, squeezed, 1)
        self.conv4 = same_convolution(squeezed, features, 1)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = self.conv1(x)
        wide = self.conv3(max_pool2d(self.conv2(squeezed), POOLING, stride=3))
        wide = interpolate(wide, x.shape[2:], mode="bilinear", align_corners=False)
        return x * torch.sigmoid(self.conv4(wide + self.conv_f(squeezed)))


class ResidualBlock(nn.Module):
    """Three convolutions with LeakyReLU, added to the input; a 1x1 convolution; spatial attention."""

    def __init__(self, features: int, middle: int, squeezed: int):
        super().__init__()
        self.c1_r = same_convolution(features, middle, 3)
        self.c2_r = same_convolution(middle, middle, 3)
        self.c3_r = same_convolution(middle, features, 3)
        self.c5 = same_convolution(features, features, 1)
        self.esa = SpatialAttention(features, squeezed)

    def forward(self, x: Tensor) -> Tensor:
        residual = x
        for convolution in (self.c1_r, self.c2_r, self.c3_r):
            residual = leaky_relu(convolution(residual), SLOPE)
        return self.esa(self.c5(residual + x))


class RLFN(Network):
    """RLFN of any width and number of blocks, any scale; pixels in 0..255 at both ends.

    Args:
        middle: channels between a block's convolutions.
        squeezed: channels inside the attention.
    """

    pixel_range = 255.0
    output_range = (0.0, 255.0)
    smallest = 15  # the attention's stride-2 convolution must leave the pooling its 7 rows

    def __init__(self, blocks: int, features: int, middle: int, squeezed: int, scale: int):
        super().__init__()
        self.scale = scale
        self.fea_conv = same_convolution(3, features, 3)
        self.block_names = [f"B{i + 1}" for i in range(blocks)]
        for name in self.block_names:
            self.add_module(name, ResidualBlock(features, middle, squeezed))
        self.LR_conv = same_convolution(features, features, 3)
        self.upsampler = nn.Sequential(same_convolution(features, 3 * scale**2, 3), nn.PixelShuffle(scale))
        self.edge_layers = ("fea_conv", "upsampler.0")

    def forward(self, x: Tensor) -> Tensor:
        shallow = x = self.fea_conv(x)
        for name in self.block_names:
            x = self.get_submodule(name)(x)
        return self.upsampler(self.LR_conv(x) + shallow)


def detect(state: StateDict) -> Config | None:
    """Recognise ``fea_conv``, ``B1.c1_r`` and the ``esa`` attention, ``LR_conv`` and ``upsampler.0``."""
    if not has_convolutions(state, "fea_conv", "B1.c1_r", "B1.esa.conv1", "LR_conv", "upsampler.0"):
        return None
    scale = shuffle_factor(out_channels(state, "upsampler.0"), in_channels(state, "fea_conv"))
    return None if scale is None else {
        "blocks": count_numbered(state, "B", ".c1_r.weight", first=1),
        "features": out_channels(state, "fea_conv"),
        "middle": out_channels(state, "B1.c1_r"),
        "squeezed": out_channels(state, "B1.esa.conv1"),
        "scale": scale,
    }  # fmt: skip


FAMILY = Family("rlfn", detect, RLFN)
