"""QuickSRNet (Berger et al., CVPR Workshops 2023): plain 3x3 convolutions clipped to 0..1, and an anchor branch."""

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


class Anchor(nn.Module):
    """A 1x1 convolution that gives each pixel's colours to all its subpixels (trained further from there)."""

    def __init__(self, scale: int):
        super().__init__()
        self.net = same_convolution(3, 3 * scale**2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class QuickSRNet(Network):
    """QuickSRNet of any depth and width, any integer scale.

    The official code clips the output to 0..1 at the end, as every picture is anyway; that is left out here.

    Args:
        convolutions: before the last one.
        anchored: whether an anchor branch is added to the last convolution (Large), or none (Small, Medium).
    """

    def __init__(self, convolutions: int, features: int, scale: int, anchored: bool):
        super().__init__()
        self.scale = scale
        layers: list[nn.Module] = []
        for i in range(convolutions):
            layers += [same_convolution(features if i else 3, features, 3), nn.Hardtanh(0.0, 1.0)]
        self.cnn = nn.Sequential(*layers)
        self.conv_last = same_convolution(features, 3 * scale**2, 3)
        self.anchor = Anchor(scale) if anchored else None
        self.depth_to_space = nn.PixelShuffle(scale)
        self.edge_layers = ("cnn.0", *(["anchor.net"] if anchored else []), "conv_last")

    def forward(self, picture: Tensor) -> Tensor:
        x = self.conv_last(self.cnn(picture))
        if self.anchor is not None:
            x = self.anchor(picture) + x
        return self.depth_to_space(x)


def detect(state: StateDict) -> Config | None:
    """Recognise ``cnn.0``, ``cnn.2`` and ``conv_last``, all 3x3, with or without ``anchor.net``."""
    if not has_convolutions(state, "cnn.0", "cnn.2", "conv_last") or in_channels(state, "cnn.0") % 3:
        return None
    scale = shuffle_factor(out_channels(state, "conv_last"), 3)
    return None if scale is None else {
        "convolutions": count_numbered(state, "cnn.", ".weight", step=2),
        "features": out_channels(state, "cnn.0"),
        "scale": scale,
        "anchored": "anchor.net.weight" in state,
    }  # fmt: skip


def translate(state: StateDict, config: Config) -> StateDict:
    """One picture for several: NTIRE's EFQN reads four copies of it side by side, which is their kernels' sum on one."""
    head = state["cnn.0.weight"]
    features, copied, rows, columns = head.shape
    return {**state, "cnn.0.weight": head.view(features, copied // 3, 3, rows, columns).sum(1)}


FAMILY = Family("quicksrnet", detect, QuickSRNet, translate)
