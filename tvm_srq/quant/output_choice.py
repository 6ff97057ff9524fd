"""Choosing an edge layer's input range by what it does to the picture, not to the tensor.

The inputs of the upsampler and of the last convolution have outliers that carry colour: least squares on the
tensor clips them (0.2 dB on SRResNet's second upsampler), min-max starves the rest (0.06 dB on its first).
Which is right differs by layer, so each candidate is tried alone in the float network and the one whose
output is nearest to the full-precision output on calibration pictures wins. No ground truth is used.
"""

import torch
from torch import Tensor

from tvm_srq.models.base import Network
from tvm_srq.quant.observers import Observer
from tvm_srq.quant.simulate import quantizing_hook
from tvm_srq.quant.uniform import fit_least_squares, fit_minmax, uniform_quantizer
from tvm_srq.spec import GridQuantizer


def candidates(observer: Observer, bits: int) -> list[GridQuantizer]:
    """Least squares, min-max, and two ranges in between."""
    tight, wide = fit_least_squares(observer, bits), fit_minmax(observer, bits)
    between = []
    for share in (1 / 3, 2 / 3):
        lower, upper = (
            (1 - share) * end * tight.step + share * other * wide.step
            for end, other in ((tight.low, wide.low), (tight.high, wide.high))
        )
        between.append(uniform_quantizer(lower, upper, bits))
    return [tight, *between, wide]


@torch.no_grad()
def choose_by_output(network: Network, name: str, observer: Observer, bits: int, batches: list[Tensor]) -> GridQuantizer:
    """The candidate with the least squared output error when only layer ``name``'s input is quantized.

    Args:
        batches: (1, 3, H, W) network inputs, from calibration pictures.
    """
    module = network.get_submodule(name)
    targets = [network(batch) for batch in batches]
    errors = []
    choices = candidates(observer, bits)
    for quantizer in choices:
        handle = module.register_forward_pre_hook(quantizing_hook(quantizer))
        outputs = [network(batch) for batch in batches]
        handle.remove()
        errors.append(sum(float(((a - b) ** 2).mean()) for a, b in zip(outputs, targets, strict=True)))
    return choices[errors.index(min(errors))]
