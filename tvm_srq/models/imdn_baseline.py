"""The IMDN that the NTIRE 2022 challenge on efficient super-resolution measures against: IMDN without attention."""

import torch
from torch import Tensor, nn

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
from tvm_srq.models.imdn import SLOPE


def activated(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(same_convolution(in_channels, out_channels, 3), nn.LeakyReLU(SLOPE))


class DistillationBlock(nn.Module):
    """Three convolutions that each put some channels aside, a fourth beside them, fusion, residual."""

    def __init__(self, features: int, distilled: int):
        super().__init__()
        remaining = features - distilled
        self.parts = [distilled, remaining]
        self.conv1 = activated(features, features)
        self.conv2 = activated(remaining, features)
        self.conv3 = activated(remaining, features)
        self.conv4 = same_convolution(remaining, distilled, 3)
        self.conv1x1 = same_convolution(4 * distilled, features, 1)

    def forward(self, x: Tensor) -> Tensor:
        first, rest = torch.split(self.conv1(x), self.parts, 1)
        second, rest = torch.split(self.conv2(rest), self.parts, 1)
        third, rest = torch.split(self.conv3(rest), self.parts, 1)
        return x + self.conv1x1(torch.cat((first, second, third, self.conv4(rest)), 1))


class Shortcut(nn.Module):
    """``sub`` added to its input."""

    def __init__(self, *layers: nn.Module):
        super().__init__()
        self.sub = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.sub(x)


class BaselineIMDN(Network):
    """The baseline with any width and number of blocks, any scale; ``distilled`` channels are put aside at a time."""

    def __init__(self, blocks: int, features: int, distilled: int, scale: int):
        super().__init__()
        self.scale = scale
        body = [DistillationBlock(features, distilled) for _ in range(blocks)]
        self.model = nn.Sequential(
            same_convolution(3, features, 3), Shortcut(*body, same_convolution(features, features, 3)),
            same_convolution(features, 3 * scale**2, 3), nn.PixelShuffle(scale),
        )  # fmt: skip
        self.edge_layers = ("model.0", "model.2")

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


def detect(state: StateDict) -> Config | None:
    """Recognise ``model.0``, ``model.1.sub.N.conv1.0`` with ``conv1x1``, and ``model.2``."""
    block = ("model.1.sub.0.conv1.0", "model.1.sub.0.conv4", "model.1.sub.0.conv1x1")
    if not has_convolutions(state, "model.0", *block, "model.2"):
        return None
    scale = shuffle_factor(out_channels(state, "model.2"), in_channels(state, "model.0"))
    return None if scale is None else {
        "blocks": count_numbered(state, "model.1.sub.", ".conv1.0.weight"),
        "features": out_channels(state, "model.0"),
        "distilled": out_channels(state, "model.1.sub.0.conv4"),
        "scale": scale,
    }  # fmt: skip


FAMILY = Family("imdn_baseline", detect, BaselineIMDN)
