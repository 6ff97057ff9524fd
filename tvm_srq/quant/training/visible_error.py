"""How far a quantized network's pictures are from the full-precision ones, as PSNR will see it.

PSNR is taken of the luma, and averaged over pictures in decibels: what counts is each picture's relative error. A mean of squares
would be made of the busiest patches, where errors are large and hardly matter; smooth ones are what tells good networks apart.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from tvm_srq.quant.simulate import simulated
from tvm_srq.spec import QuantSpec

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
COLOUR = 0.25  # what squared differences of red, green and blue count beside luma's, so that colours stay right
FLOOR = 0.1  # squared grey levels: rounding to whole ones alone makes 0.08


def squared_error(difference: Tensor) -> Tensor:
    """(N, C, H, W) in grey levels -> (N,): mean squared luma plus a share of the colours'."""
    weights = torch.tensor(LUMA, dtype=difference.dtype)[:, None, None]
    luma = (difference * weights).sum(1).square().mean((1, 2))
    return luma + COLOUR * difference.square().mean((1, 2, 3))


def logarithmic(errors: Tensor) -> Tensor:
    """(N,) squared errors -> (): their logarithms' mean; its exponential is the errors' geometric mean."""
    return (errors + FLOOR).log().mean()


def visible_distance(outputs: Sequence[Tensor], targets: Sequence[Tensor], grey_level: float) -> float:
    """Geometric mean of the pictures' squared errors, in squared grey levels, of (N, 3, H, W) network outputs.

    Args:
        grey_level: what one of 255 is in them.
    """
    errors = [squared_error((output - target) / grey_level) for output, target in zip(outputs, targets, strict=True)]
    return float(logarithmic(torch.cat(errors)).exp())


@torch.no_grad()
def simulated_distance(spec: QuantSpec, batches: Sequence[Tensor], targets: Sequence[Tensor]) -> float:
    """:func:`visible_distance` of what a quantized network, simulated, makes of network inputs, to ``targets``."""
    network = simulated(spec)
    return visible_distance([network(batch) for batch in batches], targets, spec.graph.picture.grey_level)
