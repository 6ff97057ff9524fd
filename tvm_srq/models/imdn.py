"""IMDN (Hui et al., ACM MM 2019), in the key layout of the official checkpoints."""

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

SLOPE = 0.05


class ContrastAttention(nn.Module):
    """Each channel times a gate computed from its mean and standard deviation over the picture."""

    def __init__(self, channels: int, squeezed: int):
        super().__init__()
        self.conv_du = nn.Sequential(
            same_convolution(channels, squeezed, 1), nn.ReLU(), same_convolution(squeezed, channels, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        deviation = x.var((2, 3), unbiased=False, keepdim=True).sqrt()
        return x * self.conv_du(deviation + x.mean((2, 3), keepdim=True))


class DistillationModule(nn.Module):
    """Three convolutions that each put some channels aside, a fourth beside them, attention, fusion, residual."""

    def __init__(self, features: int, distilled: int, squeezed: int):
        super().__init__()
        remaining = features - distilled
        self.parts = [distilled, remaining]
        self.c1 = same_convolution(features, features, 3)
        self.c2 = same_convolution(remaining, features, 3)
        self.c3 = same_convolution(remaining, features, 3)
        self.c4 = same_convolution(remaining, distilled, 3)
        self.act = nn.LeakyReLU(SLOPE)
        self.cca = ContrastAttention(4 * distilled, squeezed)
        self.c5 = same_convolution(4 * distilled, features, 1)

    def forward(self, x: Tensor) -> Tensor:
        first, rest = torch.split(self.act(self.c1(x)), self.parts, 1)
        second, rest = torch.split(self.act(self.c2(rest)), self.parts, 1)
        third, rest = torch.split(self.act(self.c3(rest)), self.parts, 1)
        return self.c5(self.cca(torch.cat((first, second, third, self.c4(rest)), 1))) + x


class IMDN(Network):
    """IMDN of any width and number of modules, any scale.

    Args:
        distilled: channels that each convolution of a module puts aside.
        squeezed: channels inside the attention.
    """

    def __init__(self, modules: int, features: int, distilled: int, squeezed: int, scale: int):
        super().__init__()
        self.scale = scale
        self.fea_conv = same_convolution(3, features, 3)
        self.module_names = [f"IMDB{i + 1}" for i in range(modules)]
        for name in self.module_names:
            self.add_module(name, DistillationModule(features, distilled, squeezed))
        self.c = nn.Sequential(same_convolution(modules * features, features, 1), nn.LeakyReLU(SLOPE))
        self.LR_conv = same_convolution(features, features, 3)
        self.upsampler = nn.Sequential(same_convolution(features, 3 * scale**2, 3), nn.PixelShuffle(scale))
        self.edge_layers = ("fea_conv", "upsampler.0")

    def forward(self, x: Tensor) -> Tensor:
        shallow = x = self.fea_conv(x)
        outputs = []
        for name in self.module_names:
            x = self.get_submodule(name)(x)
            outputs.append(x)
        return self.upsampler(self.LR_conv(self.c(torch.cat(outputs, 1))) + shallow)


def detect(state: StateDict) -> Config | None:
    """Recognise ``fea_conv``, ``IMDB1.c1`` and the ``cca`` attention, ``c.0``, ``LR_conv`` and ``upsampler.0``."""
    module = ("IMDB1.c1", "IMDB1.c4", "IMDB1.cca.conv_du.0")
    if not has_convolutions(state, "fea_conv", *module, "c.0", "LR_conv", "upsampler.0"):
        return None
    scale = shuffle_factor(out_channels(state, "upsampler.0"), in_channels(state, "fea_conv"))
    return None if scale is None else {
        "modules": count_numbered(state, "IMDB", ".c1.weight", first=1),
        "features": out_channels(state, "fea_conv"),
        "distilled": out_channels(state, "IMDB1.c4"),
        "squeezed": out_channels(state, "IMDB1.cca.conv_du.0"),
        "scale": scale,
    }  # fmt: skip


FAMILY = Family("imdn", detect, IMDN)
