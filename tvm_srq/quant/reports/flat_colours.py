"""What quantization makes of flat pictures in the colours of the cube: what logos, cartoons and screenshots are full of.

Calibration pictures hardly have saturated colours, so the codes' ranges may end where such colours need them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tvm_srq.data.pictures import in_grey
from tvm_srq.graph.graph import PictureFormat
from tvm_srq.graph.network import GraphNetwork, as_batch
from tvm_srq.quant.simulate import simulated
from tvm_srq.spec import QuantSpec
from tvm_srq.stress.colours import LEVELS, colour_cube

SIDE, AT_ONCE = 24, 25  # of the pictures, and how many are run together


@dataclass(frozen=True)
class ColourErrors:
    """What quantization made of flat colours.

    Attributes:
        colours: (N, C) uint8, of the pictures that went in.
        exact: (N, C) mean grey levels that the full-precision network makes, in the middle half of the picture.
        errors: (N, C) by how much the quantized network's differ.
    """

    colours: NDArray[np.uint8]
    exact: NDArray[np.float64]
    errors: NDArray[np.float64]

    @property
    def worst(self) -> float:
        """The largest error of a channel, in grey levels."""
        return float(np.abs(self.errors).max())

    def in_words(self) -> str:
        index = int(np.abs(self.errors).max(1).argmax())
        colour = ", ".join(f"{level}" for level in self.colours[index])
        changes = ", ".join(f"{error:+.1f}" for error in self.errors[index])
        mean = np.abs(self.errors).mean()
        return f"flat colours: off by {mean:.2f} grey levels on average, at worst ({colour}) by ({changes})"


def colour_errors(network: GraphNetwork, spec: QuantSpec) -> ColourErrors:
    """Run flat pictures of every colour of the cube (tvm_srq.stress.colours) through a network and its simulated QuantSpec."""
    colours, side = colours_for(network.channels), max(SIDE, network.graph.smallest)
    batch = torch.cat([as_batch(np.full((side, side, len(colour)), colour), network.graph) for colour in colours])
    exact, quantized = (colours_made_of(batch, each) for each in (network, simulated(spec)))
    return ColourErrors(colours, exact, quantized - exact)


Upscaler = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


def flat_pictures(channels: int, smallest: int) -> list[NDArray[np.uint8]]:
    """A (H, W, channels) picture of every colour of the cube, for a network that works from ``smallest`` pixels on."""
    side = max(SIDE, smallest)
    return [np.full((side, side, channels), colour, np.uint8) for colour in colours_for(channels)]


def colours_shown(upscale: Upscaler, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """(N, C) mean grey levels that whatever upscales pictures shows in the middle half of each: rounded, as files have them."""
    return np.array([middle_half(upscale(picture)).mean((0, 1), dtype=np.float64) for picture in pictures])


def middle_half(picture: NDArray) -> NDArray:
    height, width = picture.shape[:2]
    return picture[height // 4 : height - height // 4, width // 4 : width - width // 4]


def colours_for(channels: int, levels: Sequence[int] = LEVELS) -> NDArray[np.uint8]:
    """(N, channels): the cube's colours, or their greys."""
    cube = colour_cube(levels)
    return cube if channels == 3 else np.unique(in_grey(cube[None]))[:, None]


@torch.no_grad()
def colours_made_of(batch: Tensor, network: GraphNetwork) -> NDArray[np.float64]:
    """(N, C) mean grey levels of what a network makes of (N, C, H, W) flat inputs."""
    made = [middle_colours(network(part), network.graph.picture) for part in batch.split(AT_ONCE)]
    return torch.cat(made).numpy()


def middle_colours(output: Tensor, picture: PictureFormat) -> Tensor:
    """(N, C, H, W) network outputs -> (N, C) float64 mean grey levels in their middle half, as the picture shows them."""
    height, width = output.shape[2:]
    middle = output[:, :, height // 4 : height - height // 4, width // 4 : width - width // 4]
    return shown(middle, picture).double().mean((2, 3))


def shown(output: Tensor, picture: PictureFormat) -> Tensor:
    """A network's output as the picture shows it, in grey levels."""
    return ((output - picture.output_range[0]) / picture.grey_level).clamp(0, 255)
