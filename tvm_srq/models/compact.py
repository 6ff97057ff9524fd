"""SRVGGNetCompact of Real-ESRGAN ("Compact"): plain convolutions with PReLU on top of the picture with pixels repeated."""

from torch import Tensor, nn
from torch.nn.functional import interpolate

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


class Compact(Network):
    """Compact of any depth and width, any scale, 1 too; RGB or grey.

    Args:
        convolutions: all of them, the first and the last too.
    """

    def __init__(self, convolutions: int, features: int, scale: int, channels: int = 3):
        super().__init__()
        self.scale, self.channels = scale, channels
        layers: list[nn.Module] = []
        for i in range(convolutions - 1):
            layers += [same_convolution(features if i else channels, features, 3), nn.PReLU(features)]
        self.body = nn.Sequential(*layers, same_convolution(features, channels * scale**2, 3))
        self.upsampler = nn.PixelShuffle(scale)
        self.edge_layers = ("body.0", f"body.{len(layers)}")

    def forward(self, picture: Tensor) -> Tensor:
        x = self.body(picture)
        if self.scale == 1:
            return x + picture
        return self.upsampler(x) + interpolate(picture, scale_factor=self.scale, mode="nearest")


def detect(state: StateDict) -> Config | None:
    """Recognise convolutions ``body.0``, ``body.2``, ... and the slopes of PReLU, ``body.1``, between them."""
    if not has_convolutions(state, "body.0", "body.2") or "body.1.weight" not in state:
        return None
    convolutions = count_numbered(state, "body.", ".weight", step=2)
    last = f"body.{2 * convolutions - 2}"
    channels = in_channels(state, "body.0")
    scale = shuffle_factor(out_channels(state, last), channels) if has_convolutions(state, last) else None
    if scale is None or channels not in (1, 3):
        return None
    return {"convolutions": convolutions, "features": out_channels(state, "body.0"), "scale": scale, "channels": channels}


FAMILY = Family("compact", detect, Compact)
