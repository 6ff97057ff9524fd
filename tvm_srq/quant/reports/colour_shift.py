"""The paper's first observation (arXiv 2511.00682, section 3.1): activation outliers carry colour.

The largest values of every convolution's input are clipped, nothing is quantized, and the picture's colours shift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tvm_srq.graph.float_runner import GraphRunner
from tvm_srq.graph.network import GraphNetwork


@dataclass(frozen=True)
class ColourShift:
    """What clipping did to one picture.

    Attributes:
        exact, clipped: (H, W, 3) uint8 outputs.
        chroma: root mean square change of the two colour differences Cb and Cr, in grey levels; ``luma``: of Y.
    """

    exact: NDArray[np.uint8]
    clipped: NDArray[np.uint8]
    chroma: float
    luma: float


@torch.no_grad()
def colour_shift(network: GraphNetwork, batch: Tensor, share: float = 0.01) -> ColourShift:
    """Clip the ``share`` of values of largest magnitude in the input of every convolution but the first.

    Args:
        batch: (1, 3, H, W) network input.
    """
    upscale = GraphRunner(network).upscale
    exact = upscale(batch)
    convolutions = [network.convolution(node.name) for node in network.graph.convolutions()]
    hooks = [convolution.register_forward_pre_hook(clipping_hook(share)) for convolution in convolutions[1:]]
    try:
        clipped = upscale(batch)
    finally:
        for hook in hooks:
            hook.remove()
    luma, chroma = components(clipped.astype(np.float64) - exact)
    return ColourShift(exact, clipped, root_mean_square(chroma), root_mean_square(luma))


def clipping_hook(share: float) -> Any:
    def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        values = inputs[0]
        magnitudes = values.abs().flatten()
        kept = max(int((1 - share) * magnitudes.numel()), 1)
        bound = float(magnitudes.kthvalue(kept).values)
        return (values.clamp(-bound, bound),)

    return hook


def components(difference: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """RGB differences -> differences of Y, and of Cb and Cr (ITU-R BT.601, full swing)."""
    red, green, blue = np.moveaxis(difference, 2, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma, np.stack([(blue - luma) / 1.772, (red - luma) / 1.402])


def root_mean_square(values: NDArray[np.float64]) -> float:
    return float(np.sqrt((values**2).mean()))
