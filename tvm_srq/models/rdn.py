"""RDN (Zhang et al., CVPR 2018), in the key layout of the official EDSR-PyTorch checkpoints."""

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
    shuffle_factors,
    shuffled_scale,
)


class DenseLayer(nn.Module):
    """conv - ReLU, put beside what it read."""

    def __init__(self, channels: int, growth: int, kernel: int):
        super().__init__()
        self.conv = nn.Sequential(same_convolution(channels, growth, kernel), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x, self.conv(x)), 1)


class DenseBlock(nn.Module):
    """Dense layers, fused by a 1x1 convolution and added to the input."""

    def __init__(self, layers: int, growth: int, features: int, kernel: int):
        super().__init__()
        self.convs = nn.Sequential(*[DenseLayer(features + i * growth, growth, kernel) for i in range(layers)])
        self.LFF = same_convolution(features + layers * growth, features, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.LFF(self.convs(x)) + x


class RDNBody(Network):
    """What RDN is at the picture's own size: (N, channels, H, W) -> (N, features, H, W).

    Args:
        blocks, layers, growth, features: the paper's D, C, G and G0.
        kernel: of all convolutions but the 1x1 ones.
    """

    def __init__(self, blocks: int, layers: int, growth: int, features: int, channels: int, kernel: int):
        super().__init__()
        self.channels = channels
        self.SFENet1 = same_convolution(channels, features, kernel)
        self.SFENet2 = same_convolution(features, features, kernel)
        self.RDBs = nn.ModuleList(DenseBlock(layers, growth, features, kernel) for _ in range(blocks))
        self.GFF = nn.Sequential(
            same_convolution(blocks * features, features, 1), same_convolution(features, features, kernel)
        )

    def features_of(self, picture: Tensor) -> Tensor:
        shallow = self.SFENet1(picture)
        x = self.SFENet2(shallow)
        outputs = []
        for block in self.RDBs:
            x = block(x)
            outputs.append(x)
        return self.GFF(torch.cat(outputs, 1)) + shallow


class RDN(RDNBody):
    """RDN with pixel shuffles, scale 2, 3 or 4; pixels in 0..255 at both ends."""

    pixel_range = 255.0
    output_range = (0.0, 255.0)

    def __init__(
        self, blocks: int, layers: int, growth: int, features: int, scale: int, channels: int = 3, kernel: int = 3
    ):
        super().__init__(blocks, layers, growth, features, channels, kernel)
        self.scale = scale
        stages: list[nn.Module] = []
        width = features
        for factor in shuffle_factors(scale):
            stages += [same_convolution(width, growth * factor**2, kernel), nn.PixelShuffle(factor)]
            width = growth
        self.UPNet = nn.Sequential(*stages, same_convolution(width, channels, kernel))
        self.edge_layers = ("SFENet1", *(f"UPNet.{i}" for i in range(0, len(self.UPNet), 2)))

    def forward(self, x: Tensor) -> Tensor:
        return self.UPNet(self.features_of(x))


def detect_body(state: StateDict) -> Config | None:
    """Arguments of :class:`RDNBody`, or None."""
    if not has_convolutions(state, "SFENet1", "SFENet2", "RDBs.0.convs.0.conv.0", "RDBs.0.LFF", "GFF.0", "UPNet.0"):
        return None
    return {
        "blocks": count_numbered(state, "RDBs.", ".LFF.weight"),
        "layers": count_numbered(state, "RDBs.0.convs.", ".conv.0.weight"),
        "growth": out_channels(state, "RDBs.0.convs.0.conv.0"),
        "features": out_channels(state, "SFENet1"),
        "channels": in_channels(state, "SFENet1"),
        "kernel": state["SFENet1.weight"].shape[2],
    }


def detect(state: StateDict) -> Config | None:
    """Recognise ``SFENet1``, ``RDBs.N.convs.M.conv.0`` and an ``UPNet`` of convolutions and pixel shuffles."""
    body = detect_body(state)
    if body is None or "tail.weight" in state:
        return None
    last = 2 * count_numbered(state, "UPNet.", ".weight", step=2) - 2
    upsampling = {key: value for key, value in state.items() if not key.startswith(f"UPNet.{last}.")}
    scale = shuffled_scale(upsampling, "UPNet.", body["growth"])
    return None if scale is None else body | {"scale": scale}


FAMILY = Family("rdn", detect, RDN)
