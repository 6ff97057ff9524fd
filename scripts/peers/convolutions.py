"""Convolutions as PyTorch has them, of those of a graph: strided, dilated, of fewer taps, transposed.

In a graph every convolution has an odd square kernel and stride 1; all others are that with zeros in the kernel, and pixels
left out or shuffled behind. Other runtimes are given what they were before, without the products that come to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

WORTH = 0.75  # a transposed convolution is one where it has at most this share of the products


@dataclass(frozen=True)
class Taps:
    """Where a kernel has weights along one side: ``count`` of them from ``first`` on, ``apart`` from each other."""

    first: int
    count: int
    apart: int

    @staticmethod
    def of(used: NDArray[np.bool_]) -> Taps:
        """Of the rows, or columns, that have any weight other than zero."""
        places = np.flatnonzero(used)
        if not len(places):
            return Taps(len(used) // 2, 1, 1)
        first, reach = int(places[0]), int(places[-1] - places[0])
        apart = int(np.gcd.reduce(places - first)) or 1
        return Taps(first, reach // apart + 1, apart)

    @property
    def last(self) -> int:
        return self.first + (self.count - 1) * self.apart

    @property
    def slice(self) -> slice:
        return slice(self.first, self.last + 1, self.apart)


def convolution(
    weight: NDArray, bias: NDArray | None, groups: int, start: int = 0, stride: int = 1, cut: int = 0,
    border: tuple[int, int] = (0, 0),
) -> nn.Module | None:  # fmt: skip
    """What a convolution of a graph, (O, I / groups, k, k), is with what is around it.

    Args:
        start, stride, cut: behind it rows ``start``, ``start + stride``, .. are kept, the last ``cut`` do not count.
        border: rows of zeros that are placed above and below the map before it.

    Returns:
        None where no convolution does the same.
    """
    half = weight.shape[2] // 2
    for whole in (False, True):
        rows, columns = (Taps.of(whole | np.any(weight != 0, axis=axes)) for axes in ((0, 1, 3), (0, 1, 2)))
        before = [border[0] + half - start - taps.first for taps in (rows, columns)]
        after = [border[1] + taps.last - half - cut for taps in (rows, columns)]
        if min(*before, *after) >= 0:
            break
    else:
        return None
    taken = weight[:, :, rows.slice, columns.slice]
    alike = before == after
    module = nn.Conv2d(
        weight.shape[1] * groups, len(weight), taken.shape[2:], stride, tuple(before) if alike else 0,
        (rows.apart, columns.apart), groups, bias is not None,
    )  # fmt: skip
    fill(module, taken, bias)
    return module if alike else nn.Sequential(nn.ZeroPad2d((before[1], after[1], before[0], after[0])), module)


def transposed(weight: NDArray, bias: NDArray | None, groups: int, factor: int) -> nn.ConvTranspose2d | None:
    """The transposed convolution that a convolution and a pixel shuffle behind it are, where that has fewer products.

    Output row ``factor * i + phase`` of a pixel shuffle sums weight row j of input row i + j - reach: row
    ``phase + factor * (2 * reach - j)`` of a transposed convolution's kernel whose padding is ``factor * reach``.
    """
    wide, inputs, kernel, _ = weight.shape
    reach, outputs = kernel // 2, wide // factor**2
    biases = None if bias is None else bias.reshape(outputs, -1)
    if outputs % groups or (biases is not None and np.ptp(biases, 1).any()):
        return None
    phases = weight.reshape(outputs, factor, factor, inputs, kernel, kernel)[..., ::-1, ::-1]
    whole = phases.transpose(0, 3, 4, 1, 5, 2).reshape(outputs, inputs, kernel * factor, kernel * factor)
    used = np.flatnonzero(np.any(whole != 0, axis=(0, 1, 3)) | np.any(whole != 0, axis=(0, 1, 2)))
    first, size = (int(used[0]), int(used[-1] - used[0]) + 1) if len(used) else (0, 1)
    padding = factor * reach - first
    more = factor - size + 2 * padding
    if size**2 > WORTH * (kernel * factor) ** 2 or padding < 0 or not 0 <= more < factor:
        return None
    taken = whole[:, :, first : first + size, first : first + size].reshape(groups, -1, inputs, size, size)
    module = nn.ConvTranspose2d(inputs * groups, outputs, size, factor, padding, more, groups, bias is not None)
    fill(module, taken.transpose(0, 2, 1, 3, 4).reshape(module.weight.shape), None if biases is None else biases[:, 0])
    return module


@torch.no_grad()
def fill(module: nn.Conv2d | nn.ConvTranspose2d, weight: NDArray, bias: NDArray | None) -> None:
    module.weight.copy_(torch.tensor(np.ascontiguousarray(weight)))
    if bias is not None and module.bias is not None:
        module.bias.copy_(torch.tensor(np.ascontiguousarray(bias)))
