"""RDN whose upsampler repeats pixels: the layout of idealo's image-super-resolution, which users of UpscalerJS have."""

from torch import Tensor, nn
from torch.nn.functional import interpolate

from tvm_srq.models.base import (
    Config,
    Family,
    StateDict,
    has_convolutions,
    out_channels,
    same_convolution,
    shuffle_factor,
)
from tvm_srq.models.rdn import RDNBody, detect_body


class NearestRDN(RDNBody):
    """RDN, then two convolutions with ReLU, one to ``channels * scale**2``, nearest enlargement and a last convolution.

    Args:
        narrow: output channels of the upsampler's second convolution.
    """

    def __init__(
        self, blocks: int, layers: int, growth: int, features: int, narrow: int, scale: int, channels: int = 3, kernel: int = 3
    ):
        super().__init__(blocks, layers, growth, features, channels, kernel)
        self.scale = scale
        self.UPNet = nn.Sequential(
            same_convolution(features, features, 5), nn.ReLU(), same_convolution(features, narrow, 3), nn.ReLU(),
            same_convolution(narrow, channels * scale**2, 3),
        )  # fmt: skip
        self.tail = same_convolution(channels * scale**2, channels, 3)
        self.edge_layers = ("SFENet1", "tail")

    def forward(self, x: Tensor) -> Tensor:
        return self.tail(interpolate(self.UPNet(self.features_of(x)), scale_factor=self.scale, mode="nearest"))


def detect(state: StateDict) -> Config | None:
    """Recognise RDN's body followed by ``UPNet.0``, ``UPNet.2``, ``UPNet.4`` and ``tail``."""
    body = detect_body(state)
    if body is None or not has_convolutions(state, "UPNet.0", "UPNet.2", "UPNet.4", "tail"):
        return None
    scale = shuffle_factor(out_channels(state, "UPNet.4"), body["channels"])
    return None if scale is None else body | {"narrow": out_channels(state, "UPNet.2"), "scale": scale}


FAMILY = Family("rdn_nearest", detect, NearestRDN)
