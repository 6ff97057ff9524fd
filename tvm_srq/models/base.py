"""What a super-resolution network is to the rest of tvm_srq."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

StateDict = Mapping[str, Tensor]


class Network(nn.Module):
    """A PyTorch super-resolution network: (N, 3, H, W) float32 in, (N, 3, scale*H, scale*W) out, RGB.

    Attributes:
        scale: upscaling factor.
        pixel_range: value of a white pixel at the input (1.0 or 255.0).
        output_range: (black, white) at the output; ``(0, 255)``, ``(0, 1)`` or ``(-1, 1)``.
        edge_layers: names of the convolutions held at 8 bits by the paper's layer policy: the head, the
            upsampler and the last one.
        family, config: how to build it again; set by :func:`tvm_srq.models.load.build_network`.
    """

    scale: int
    pixel_range: float
    output_range: tuple[float, float]
    edge_layers: tuple[str, ...]
    family: str
    config: dict[str, Any]


@dataclass(frozen=True)
class Family:
    """One network family: how to recognise its state dict and how to build it.

    Attributes:
        name: identifier stored in ``.srq`` files.
        detect: state dict -> constructor arguments (JSON values), or None if it is not this family's.
        build: constructor, called with what ``detect`` gave.
    """

    name: str
    detect: Callable[[StateDict], dict[str, Any] | None]
    build: Callable[..., Network]


def count_numbered(state: StateDict, prefix: str, suffix: str = "") -> int:
    """How many keys ``{prefix}{n}{suffix}`` there are, counting n = 0, 1, ... without a gap."""
    count = 0
    while f"{prefix}{count}{suffix}" in state:
        count += 1
    return count


def same_convolution(in_channels: int, out_channels: int, kernel: int) -> nn.Conv2d:
    """A stride-1 convolution that keeps height and width (zero padding)."""
    return nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2)


def as_batch(picture: NDArray[np.uint8], network: Network) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) float32 as the network wants it."""
    return torch.tensor(picture).permute(2, 0, 1)[None].float() * (network.pixel_range / 255.0)


def grey_level(network: Network) -> float:
    """What one of 255 grey levels is in the network's output."""
    return (network.output_range[1] - network.output_range[0]) / 255.0


def to_picture(output: Tensor, output_range: tuple[float, float]) -> Tensor:
    """Map a network's float output to 0..255 pixels, rounded half to even and clamped: uint8, same shape."""
    black, white = output_range
    return ((output - black) * (255.0 / (white - black))).round().clamp(0, 255).to(torch.uint8)
