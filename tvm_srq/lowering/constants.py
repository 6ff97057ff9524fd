"""A chain's numbers as its integer convolution's: composed once, for every target (docs/numerics.md)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from tvm_srq.affine import Affine
from tvm_srq.lowering.chains import Chain
from tvm_srq.lowering.codes import Form
from tvm_srq.requantize import Accumulator, accumulator, fold_picture, multipliers, without_zero_point
from tvm_srq.spec import GridQuantizer, LayerSpec


@dataclass(frozen=True)
class Sums:
    """An integer convolution up to its accumulators.

    Attributes:
        constants: its weights, starts and units.
        padding: (I,) int16, what lies outside of the map that it reads.
        slope: (O,) of negative values.
    """

    constants: Accumulator
    padding: NDArray[np.int16]
    slope: NDArray[np.float64]

    def multipliers(self, step: float | NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """From accumulators to steps of the result."""
        return multipliers(self.constants.unit, step, self.slope)


def picture_sums(chain: Chain, layer: LayerSpec, pixels: Affine, behind: list[Affine]) -> Sums:
    """Sums over the picture's uint8 pixels.

    Args:
        pixels: map from pixels to the convolution's input. behind: maps behind the chain's own, towards the output.
    """
    sums, padding = fold_picture(layer.weight, layer.weight_scale, pixels)
    corrected = Affine.of(1.0, correction_of(layer), len(layer.weight))
    affine = sums.then(reduce(Affine.then, (*chain.affines, *behind), corrected))
    return Sums(accumulator(layer.weight, affine), padding, slope_of(chain))


def code_sums(chain: Chain, layer: LayerSpec, behind: list[Affine]) -> Sums:
    """Sums over codes. Args as :func:`picture_sums`."""
    assert isinstance(layer.input, GridQuantizer)
    unit = layer.weight_scale.astype(np.float64) * np.float64(layer.input.step)
    affine = reduce(Affine.then, (*chain.affines, *behind), Affine.of(unit, correction_of(layer), len(unit)))
    constants = accumulator(layer.weight, affine)
    padding = np.zeros(layer.weight.shape[1] * groups_of(chain), np.int16)
    if layer.zero_point is not None:
        padding = layer.zero_point
        constants = replace(constants, start=without_zero_point(constants.start, constants.weight, padding))
    return Sums(constants, padding, slope_of(chain))


def correction_of(layer: LayerSpec) -> NDArray[np.float32] | float:
    return 0.0 if layer.correction is None else layer.correction


def slope_of(chain: Chain) -> NDArray[np.float64]:
    return np.ones(len(chain.affines[0].multiplier)) if chain.slope is None else chain.slope


def groups_of(chain: Chain) -> int:
    return int(chain.node.attributes["groups"])


def direct_steps(form: Form, shuffle: int) -> NDArray[np.float64]:
    """(O,) real step of the codes that each channel of the convolution makes, before its pixel shuffle."""
    return np.repeat(form.steps, shuffle**2)


def stream_ratio(stream_step: float, form: Form) -> NDArray[np.float32]:
    """(C,) float32: steps of a stream to steps of codes."""
    return (np.float64(stream_step) / form.steps).astype(np.float32)
