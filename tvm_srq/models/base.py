"""What a super-resolution network is to the rest of tvm_srq, and what several networks share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Any

import torch
from torch import Tensor, nn

StateDict = Mapping[str, Tensor]
Config = dict[str, Any]

DIV2K_RGB_MEAN = (0.4488, 0.4371, 0.4040)


class Network(nn.Module):
    """A PyTorch super-resolution network: (N, channels, H, W) float32 in, (N, channels, scale*H, scale*W) out.

    Attributes:
        scale: upscaling factor.
        channels: 3 (RGB) or 1 (grey), of the picture at both ends.
        pixel_range: value of a white pixel at the input (1.0 or 255.0).
        output_range: (black, white) at the output; ``(0, 255)``, ``(0, 1)`` or ``(-1, 1)``.
        smallest: the smallest height and width it works on; every larger one will do.
        edge_layers: names of the convolutions held at 8 bits by the paper's layer policy: those that read the picture,
            the upsamplers (before a pixel shuffle, or reading an upsampled map) and those that make the picture.
        family, config: how to build it again; set by :func:`tvm_srq.models.load.build_network`.
    """

    scale: int
    channels: int = 3
    pixel_range: float = 1.0
    output_range: tuple[float, float] = (0.0, 1.0)
    smallest: int = 1
    edge_layers: tuple[str, ...]
    family: str
    config: Config


def as_it_is(state: StateDict, config: Config) -> StateDict:
    """The ``translate`` of a family whose checkpoints have its own key names."""
    return state


@dataclass(frozen=True)
class Family:
    """One network family: how to recognise its state dict and how to build it.

    Attributes:
        name: identifier stored in ``.srq`` files.
        detect: state dict -> constructor arguments (JSON values), or None if it is not this family's. A checkpoint that
            serves several scales has their list as ``scale``; one of them is chosen before anything is built. A variant
            that cannot be built raises a UserError whose message goes on after "checkpoint PATH holds".
        build: constructor, called with what ``detect`` gave.
        translate: (state dict, constructor arguments) -> the state dict with the key names that ``build`` gives.
    """

    name: str
    detect: Callable[[StateDict], Config | None]
    build: Callable[..., Network]
    translate: Callable[[StateDict, Config], StateDict] = as_it_is


def has_convolutions(state: StateDict, *names: str) -> bool:
    """Whether every name is a convolution's: its ``weight`` is there, with four extents, none of them 0."""
    weights = [state.get(f"{name}.weight") for name in names]
    return all(weight is not None and weight.dim() == 4 and weight.numel() > 0 for weight in weights)


def out_channels(state: StateDict, name: str) -> int:
    """Output channels of a convolution that is there."""
    return state[f"{name}.weight"].shape[0]


def in_channels(state: StateDict, name: str) -> int:
    """Input channels (of one group) of a convolution that is there."""
    return state[f"{name}.weight"].shape[1]


def count_numbered(state: StateDict, prefix: str, suffix: str = "", first: int = 0, step: int = 1) -> int:
    """How many keys ``{prefix}{n}{suffix}`` there are, counting n = first, first + step, ... without a gap."""
    count = 0
    while f"{prefix}{first + step * count}{suffix}" in state:
        count += 1
    return count


def shuffle_factor(channels_before: int, channels_after: int) -> int | None:
    """The pixel shuffle that makes ``channels_after`` of ``channels_before``; None if there is none."""
    factor = isqrt(channels_before // channels_after)
    return factor if factor > 0 and channels_after * factor**2 == channels_before else None


def same_convolution(in_channels: int, out_channels: int, kernel: int, groups: int = 1) -> nn.Conv2d:
    """A stride-1 convolution that keeps height and width (zero padding)."""
    return nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, groups=groups)


def shuffle_factors(scale: int) -> list[int]:
    """Pixel shuffles that multiply to a scale: x3 at once, powers of two by twos."""
    return [3] if scale == 3 else [2] * (scale.bit_length() - 1)


def shuffle_upsampler(features: int, scale: int) -> nn.Sequential:
    """A convolution and a pixel shuffle per factor of the scale: convolutions at the even places."""
    layers: list[nn.Module] = []
    for factor in shuffle_factors(scale):
        layers += [same_convolution(features, features * factor**2, 3), nn.PixelShuffle(factor)]
    return nn.Sequential(*layers)


def shuffled_scale(state: StateDict, prefix: str, features: int) -> int | None:
    """The scale of a :func:`shuffle_upsampler` (``prefix`` ends with a dot), or None if it is none."""
    stages = count_numbered(state, prefix, ".weight", step=2)
    if stages == 0 or not has_convolutions(state, f"{prefix}0"):
        return None
    factor = shuffle_factor(out_channels(state, f"{prefix}0"), features)
    if factor == 3 and stages == 1:
        return 3
    return 2**stages if factor == 2 else None


class MeanShift(nn.Conv2d):
    """Adds ``sign`` times the mean colour of DIV2K, as a frozen 1x1 convolution; ``white`` is a white pixel's value."""

    def __init__(self, sign: int, white: float):
        super().__init__(3, 3, kernel_size=1)
        with torch.no_grad():
            self.weight.copy_(torch.eye(3).view(3, 3, 1, 1))
            self.bias.copy_(sign * white * torch.tensor(DIV2K_RGB_MEAN))  # type: ignore[union-attr]
        self.requires_grad_(False)
