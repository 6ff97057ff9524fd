"""EDSR (Lim et al., CVPR Workshops 2017), in the key layout of the official EDSR-PyTorch checkpoints."""

from torch import Tensor, nn

from tvm_srq.models.base import (
    Config,
    Family,
    MeanShift,
    Network,
    StateDict,
    count_numbered,
    has_convolutions,
    out_channels,
    same_convolution,
    shuffle_upsampler,
    shuffled_scale,
)


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


class EDSR(Network):
    """EDSR of any depth and width, scale 2, 3, 4 or 8; pixels in 0..255 at both ends."""

    pixel_range = 255.0
    output_range = (0.0, 255.0)

    def __init__(self, blocks: int, features: int, scale: int, residual_scale: float = 1.0):
        super().__init__()
        self.scale = scale
        self.sub_mean = MeanShift(-1, 255.0)
        self.head = nn.Sequential(same_convolution(3, features, 3))
        self.body = nn.Sequential(
            *[ResidualBlock(features, residual_scale) for _ in range(blocks)], same_convolution(features, features, 3)
        )
        upsampler = shuffle_upsampler(features, scale)
        self.tail = nn.Sequential(upsampler, same_convolution(features, 3, 3))
        self.add_mean = MeanShift(1, 255.0)
        self.edge_layers = ("head.0", *(f"tail.0.{i}" for i in range(0, len(upsampler), 2)), "tail.1")

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(self.sub_mean(x))
        return self.add_mean(self.tail(self.body(x) + x))


def usual_residual_scale(features: int) -> float:
    """What a checkpoint does not say: EDSR is trained with residuals times 0.1 at 256 features, times 1 otherwise."""
    return 0.1 if features == 256 else 1.0


def detect(state: StateDict) -> Config | None:
    """Recognise the official layout: ``body.N.body.0``, ``tail.0.0`` and ``tail.1``."""
    if not has_convolutions(state, "head.0", "body.0.body.0", "tail.0.0", "tail.1"):
        return None
    features = out_channels(state, "head.0")
    scale = shuffled_scale(state, "tail.0.", features)
    if scale is None:
        return None
    blocks = count_numbered(state, "body.", ".body.0.weight")
    return {"blocks": blocks, "features": features, "scale": scale, "residual_scale": usual_residual_scale(features)}


FAMILY = Family("edsr", detect, EDSR)
