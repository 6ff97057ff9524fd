"""MSRResNet of BasicSR: SRResNet without batch normalization, on top of a bilinear enlargement of the picture."""

from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, pixel_shuffle

from tvm_srq.models.base import (
    Config,
    Family,
    Network,
    StateDict,
    count_numbered,
    has_convolutions,
    out_channels,
    same_convolution,
    shuffle_factor,
    shuffle_factors,
)
from tvm_srq.models.edsr_basicsr import ResidualBlock

SLOPE = 0.1


class MSRResNet(Network):
    """MSRResNet of any depth and width, scale 2, 3 or 4."""

    def __init__(self, blocks: int, features: int, scale: int):
        super().__init__()
        self.scale = scale
        self.conv_first = same_convolution(3, features, 3)
        self.body = nn.Sequential(*[ResidualBlock(features) for _ in range(blocks)])
        self.factors = {f"upconv{i + 1}": factor for i, factor in enumerate(shuffle_factors(scale))}
        for name, factor in self.factors.items():
            self.add_module(name, same_convolution(features, features * factor**2, 3))
        self.conv_hr = same_convolution(features, features, 3)
        self.conv_last = same_convolution(features, 3, 3)
        self.edge_layers = ("conv_first", *self.factors, "conv_last")

    def forward(self, picture: Tensor) -> Tensor:
        x = self.body(leaky_relu(self.conv_first(picture), SLOPE))
        for name, factor in self.factors.items():
            x = leaky_relu(pixel_shuffle(self.get_submodule(name)(x), factor), SLOPE)
        x = self.conv_last(leaky_relu(self.conv_hr(x), SLOPE))
        return x + interpolate(picture, scale_factor=self.scale, mode="bilinear", align_corners=False)


def detect(state: StateDict) -> Config | None:
    """Recognise ``conv_first``, ``body.N.conv1``, ``upconv1``, ``conv_hr`` and ``conv_last``."""
    if not has_convolutions(state, "conv_first", "body.0.conv1", "upconv1", "conv_hr", "conv_last"):
        return None
    features = out_channels(state, "conv_first")
    factor = shuffle_factor(out_channels(state, "upconv1"), features)
    if factor not in (2, 3):
        return None
    scale = 4 if "upconv2.weight" in state else factor
    return {"blocks": count_numbered(state, "body.", ".conv1.weight"), "features": features, "scale": scale}


FAMILY = Family("msrresnet", detect, MSRResNet)
