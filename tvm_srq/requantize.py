"""The written arithmetic between integer convolutions (docs/numerics.md), shared by reference and compiler.

Everything here is numpy: constants are computed in float64 and rounded to float32 once, so whoever calls
these functions with the same maps gets the same constants, and every target the same bytes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tvm_srq.affine import Affine, per_weight

MAX_START = 2**23  # the accumulator's start value stays exact in float32 and far from int32 overflow
STREAM_MIN, STREAM_MAX = -32768, 32767
MAX_TABLE = 64  # fine indices that codes which are not uniform may span: kernels look them up in a table of so many


@dataclass(frozen=True)
class Accumulator:
    """An integer convolution and the real value of its accumulator.

    Attributes:
        weight: (O, I, kh, kw) int8 codes.
        start: (O,) int32, the bias, in accumulator units.
        unit: (O,) float64; the convolution's real output is ``unit[o] * accumulator[o]``.
    """

    weight: NDArray[np.int8]
    start: NDArray[np.int32]
    unit: NDArray[np.float64]


def accumulator(weight: NDArray[np.int8], affine: Affine) -> Accumulator:
    """Put an affine map's offset into the accumulator: ``affine`` maps the bare sum of products to real values.

    Where the unit is too small to express the offset (a pruned channel, a zero batch norm gain), the unit is
    raised and the channel's codes are rounded to it: they no longer matter beside the offset.
    """
    unit, offset = affine.multiplier, affine.offset
    smallest = np.maximum(np.abs(offset) / MAX_START, np.finfo(np.float32).tiny)
    raised = np.where(np.abs(unit) < smallest, smallest, unit)
    if not np.array_equal(raised, unit):
        ratio = (unit / raised).reshape(-1, *[1] * (weight.ndim - 1))
        weight = np.rint(weight * ratio).astype(np.int8)
    return Accumulator(weight, np.rint(offset / raised).astype(np.int32), raised)


def without_zero_point(start: NDArray[np.int32], weight: NDArray[np.int8], zero_point: NDArray[np.int16]) -> NDArray[np.int32]:
    """(O,) starts of sums over codes whose real zero is ``zero_point``, (input channels,): less what the zero points add."""
    sums = (weight.astype(np.int64) * per_weight(zero_point.astype(np.int64), weight.shape)).sum((1, 2, 3))
    return (start - sums).astype(np.int32)


def multipliers(unit: NDArray, step: float | NDArray, slope: NDArray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Float32 multipliers from the accumulator to steps of the output, for accumulators of either sign.

    Args:
        unit: (O,) float64, real value of one accumulator step; may be negative.
        step: real value of one output step, one for all channels or (O,) float64.
        slope: (O,) the activation's slope for negative values: 1 linear, 0 ReLU, PReLU's parameter.

    Returns:
        (O,) for accumulators >= 0 and (O,) for accumulators < 0. A negative unit swaps the two slopes.
    """
    straight = np.asarray(unit, np.float64) / np.asarray(step, np.float64)
    bent = straight * np.asarray(slope, np.float64)
    positive, negative = np.where(straight >= 0, straight, bent), np.where(straight >= 0, bent, straight)
    return positive.astype(np.float32), negative.astype(np.float32)


def fold_picture(weight: NDArray[np.int8], scale: NDArray, inputs: Affine) -> tuple[Affine, NDArray[np.int16]]:
    """Let the first convolution read uint8 pixels: the map from its bare sums to real values, and its padding.

    Args:
        weight: (O, colours / groups, kh, kw) int8 codes.
        scale: (O,) float32 weight scales.
        inputs: map from pixels to the real values the network's first convolution sees, per colour.

    Returns:
        The affine map of the sums, and the pixel value nearest to a real zero for each colour, (colours,) int16 in
        0..255: a mean shift makes zero padding mean "pad with the mean colour".

    Raises:
        ValueError: the colours have different multipliers.
    """
    step = inputs.multiplier[0]
    if not np.array_equal(inputs.multiplier, np.full_like(inputs.multiplier, step)):
        raise ValueError("the input's colours are scaled differently")
    sums = weight.astype(np.int64).sum(axis=(2, 3))
    scale = np.asarray(scale, np.float64)
    offset = (sums * per_weight(inputs.offset, weight.shape)[:, :, 0, 0]).sum(1)
    padding = np.clip(np.rint(-inputs.offset / step), 0, 255).astype(np.int16)
    return Affine(scale * step, scale * offset), padding
