"""Rounding weights so that their errors cancel in the output (OBQ / GPTQ, Frantar et al., ICLR 2023).

Neighbouring pixels and channels are strongly correlated, so what counts is not each weight's error but the error of the
sums: ``difference @ moments @ difference``, with the second moments of the convolution's input patches. Weights are rounded one
column at a time, and what a rounding got wrong is made up for by the columns not yet rounded.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tvm_srq.quant.quantizers.weights import nearest_codes
from tvm_srq.winograd_range import rounded_into_range

PATCHES_PER_PICTURE = 256
DAMPING = 0.01  # of the moments' mean diagonal: keeps the inverse tame where few patches were seen
BLOCK = 64


class PatchMoments:
    """Second moments of a convolution's input patches, (I * kh * kw) squared, from random positions.

    Args:
        kernel: odd kernel size.
        count: of patches seen already; ``total``: the sum of their moments.
    """

    def __init__(self, kernel: int, count: int = 0, total: Tensor | None = None):
        self.kernel, self.count, self.total = kernel, count, total

    def update(self, values: Tensor, generator: torch.Generator) -> None:
        """Take in one (1, I, H, W) tensor."""
        rows, columns = (torch.randint(n, (PATCHES_PER_PICTURE,), generator=generator) for n in values.shape[2:])
        patches = patches_at(values, self.kernel, rows, columns)
        moments = patches.T @ patches
        self.total = moments if self.total is None else self.total.add_(moments)
        self.count += PATCHES_PER_PICTURE

    @property
    def mean(self) -> NDArray[np.float32]:
        assert self.total is not None
        return (self.total / self.count).numpy()


def patches_at(values: Tensor, kernel: int, rows: Tensor, columns: Tensor) -> Tensor:
    """(n, I * kh * kw) patches of (1, I, H, W) around n pixels; outside they hold zeros, as the convolution pads."""
    padded, taps = functional.pad(values[0], [kernel // 2] * 4), torch.arange(kernel)
    index = (rows[:, None, None] + taps[:, None], columns[:, None, None] + taps)
    return padded[:, index[0], index[1]].permute(1, 0, 2, 3).reshape(len(rows), -1)


def output_error(difference: NDArray, moments: NDArray) -> float:
    """Mean squared error of the output, summed over channels, for weights that are off by ``difference`` (O, ...)."""
    flat = difference.reshape(len(difference), -1).astype(np.float64)
    return float(np.einsum("od,od->", flat @ moments, flat))


def round_with_feedback(
    weight: NDArray[np.float32], magnitude: int, moments: NDArray[np.float32], winograd: bool = False
) -> NDArray[np.int8]:
    """Round weights given in units of their scale.

    Args:
        weight: (O, I, kh, kw), one unit being one code.
        magnitude: the largest code.
        moments: (I * kh * kw) squared, of the input that ``weight`` as given is multiplied with.
        winograd: keep the (3x3) kernels where exact Winograd takes them in int8.

    Returns:
        Codes, same shape. Where the moments are degenerate beyond damping, the nearest codes.
    """
    nearest = nearest_codes(weight.astype(np.float64), magnitude, winograd).astype(np.int8)
    factor = inverse_factor(moments)
    if factor is None:
        return nearest
    rest = torch.tensor(weight.reshape(len(weight), -1))
    codes = torch.empty_like(rest)
    size = rest.shape[1]
    for start in range(0, size, BLOCK):
        stop = min(start + BLOCK, size)
        errors = torch.empty(len(rest), stop - start)
        for column in range(start, stop):
            codes[:, column] = rest[:, column].round().clamp(-magnitude, magnitude)
            errors[:, column - start] = (rest[:, column] - codes[:, column]) / factor[column, column]
            rest[:, column:stop] -= torch.outer(errors[:, column - start], factor[column, column:stop])
        rest[:, stop:] -= errors @ factor[start:stop, stop:]
    rounded = codes.numpy().astype(np.int8).reshape(weight.shape)
    if winograd:
        rounded = rounded_into_range(rounded)
    better = output_error(rounded - weight, moments) < output_error(nearest - weight, moments)
    return rounded if better else nearest


def remaining_power(moments: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """What a weight's squared rounding error adds to the output error once later weights make up for it, one for each weight.

    That is the part of its input that those of later weights do not tell, far below the mean square where inputs are alike.
    """
    factor = inverse_factor(moments)
    return None if factor is None else torch.diagonal(factor).double().numpy() ** -2


def inverse_factor(moments: NDArray[np.float32]) -> Tensor | None:
    """Upper Cholesky factor of the damped moments' inverse, or None if there is none."""
    damped = torch.tensor(moments, dtype=torch.float64)
    diagonal = torch.diagonal(damped)
    diagonal += DAMPING * diagonal.mean() + 1e-12
    lower, failed = torch.linalg.cholesky_ex(damped)
    if failed:
        return None
    upper, failed = torch.linalg.cholesky_ex(torch.cholesky_inverse(lower), upper=True)
    return None if failed else upper.float()
