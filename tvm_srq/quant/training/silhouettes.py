"""Patches like lettering and drawings, made of photographs: two flat colours, and the shapes of the photograph between them.

Photographs, which calibration folders hold, hardly have the edges of a slide or a screenshot, and what is trained on them alone
learns ranges that clip there. A patch needs no ground truth, the full-precision network gives it: so it can be drawn.
"""

import torch
from torch import Tensor

from tvm_srq.quant.training.visible_error import LUMA

SOFTEST, HARDEST = 2.0, 32.0  # how many times steeper edges become
BLACK_ON_WHITE = 0.5  # share of patches without colours
SATURATED = 0.5  # share of the colours that are corners of the cube: what is trained on none of those shifts them


def silhouettes(patches: Tensor, white: float, generator: torch.Generator) -> Tensor:
    """Draw every patch in two colours, divided at the luma of one of its pixels.

    Args:
        patches: (N, C, H, W), 0 .. ``white``.

    Returns:
        The same shape, whole ones of 255 grey levels.
    """
    count = len(patches)
    luma = (patches / white * torch.tensor(LUMA)[:, None, None]).sum(1, keepdim=True)
    places = torch.randint(luma.shape[2] * luma.shape[3], (count, 1), generator=generator)
    threshold = luma.flatten(1).gather(1, places)[:, :, None, None]
    steepness = SOFTEST * (HARDEST / SOFTEST) ** torch.rand(count, 1, 1, 1, generator=generator)
    share = ((luma - threshold) * steepness + 0.5).clamp(0, 1)
    colours = torch.rand(2, count, patches.shape[1], 1, 1, generator=generator)
    saturated = torch.rand(2, count, 1, 1, 1, generator=generator) < SATURATED
    first, second = torch.where(saturated, colours.round(), colours)
    colourless = torch.rand(count, 1, 1, 1, generator=generator) < BLACK_ON_WHITE
    drawn = torch.where(colourless, share, first + (second - first) * share)
    return (drawn * 255).round() * (white / 255)
