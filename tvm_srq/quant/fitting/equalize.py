"""Per-channel equalization: channels of very different ranges share one integer grid.

Channel c of a value is divided by a factor before it is quantized, and the factor goes into the weights that read it
(cross-layer equalization, Nagel et al., ICCV 2019; SmoothQuant, Xiao et al., ICML 2023). It costs nothing at run time: the
producing convolution's multipliers are per channel anyway. Strength 0 leaves the channels alone, strength 1 gives all of them
the same range and all the unevenness to the weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tvm_srq.affine import per_weight
from tvm_srq.quant.policy.settings import Precision
from tvm_srq.quant.quantizers.dual_region import fit_aligned
from tvm_srq.quant.quantizers.uniform import quantize
from tvm_srq.quant.quantizers.weights import quantize_weights
from tvm_srq.quant.statistics.observers import Observer
from tvm_srq.spec import GridQuantizer

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Fit:
    """How a value is quantized, and the squared error of its readers' outputs that is to be expected.

    Attributes:
        quantizer: of the equalized value.
        equalization: (C,) float32.
        error: per output pixel, summed over channels, errors of different inputs taken as independent.
        zero_point: (C,) int16 (quant.quantizers.zero_points), or None for zeros.
    """

    quantizer: GridQuantizer
    equalization: NDArray[np.float32]
    error: float
    zero_point: NDArray[np.int16] | None = None


@dataclass(frozen=True)
class Reading:
    """Weights that read a value, all its channels.

    Attributes:
        weight: (O, C / groups, kh, kw) float32, and their ``precision``.
        gains: (O,) what a squared error of each output counts (quant.statistics.output_gains), or None for equally.
        remaining: (C, kh, kw) what rounding with feedback leaves of the value's mean square (quant.fitting.rounding), or None
            where weights are rounded to nearest.
    """

    weight: NDArray[np.float32]
    precision: Precision
    gains: NDArray[np.float64] | None = None
    remaining: NDArray[np.float64] | None = None

    @property
    def counts(self) -> NDArray[np.float64]:
        return np.ones(len(self.weight)) if self.gains is None else self.gains


def factors(observer: Observer, strength: float) -> NDArray[np.float32]:
    """(C,) float32 factors, the largest channel's 1: ranges to the power of ``strength``."""
    return by_strength(observer.ranges(), strength)


def by_strength(widths: NDArray[np.float64], strength: float) -> NDArray[np.float32]:
    return ((widths / widths.max()) ** strength).astype(np.float32)


def equalized_weights(
    weight: NDArray[np.float32], equalization: NDArray[np.float32], power: NDArray[np.float64], precision: Precision
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Codes and scales of the weights with the factors folded in, ``power`` being (I,) the input channels' mean squares."""
    importance = per_weight(power / equalization.astype(np.float64) ** 2, weight.shape)
    folded = weight * per_weight(equalization, weight.shape)
    return quantize_weights(folded, precision.weight_magnitude, importance, precision.winograd)


def weights_error(readings: Sequence[Reading], equalization: NDArray[np.float32], power: NDArray[np.float64]) -> float:
    """What quantizing the weights that read a value adds to the output error."""
    total = 0.0
    for reading in readings:
        weight, squared = reading.weight, equalization.astype(np.float64) ** 2
        codes, scale = equalized_weights(weight, equalization, power, reading.precision)
        difference = codes * scale.reshape(-1, 1, 1, 1).astype(np.float64) - weight * per_weight(equalization, weight.shape)
        left = reading.remaining
        seen = per_weight(power / squared, weight.shape) if left is None else (left / squared[:, None, None])[None]
        total += float(reading.counts @ (seen * difference**2).sum((1, 2, 3)))
    return total


def sensitivity_to_channels(readings: Sequence[Reading], channels: int) -> NDArray[np.float64]:
    """(C,) squared error of the outputs for a unit of squared error in each channel: sums of squared weights."""
    total = np.zeros(channels)
    for reading in readings:
        squares = (reading.weight.astype(np.float64) ** 2).sum((2, 3)) * reading.counts[:, None]
        groups = channels // reading.weight.shape[1]
        total += squares.reshape(groups, -1, reading.weight.shape[1]).sum(1).reshape(-1)
    return total


def fit_equalized(
    observer: Observer, readings: Sequence[Reading], precision: Precision, equalization: NDArray[np.float32]
) -> Fit:
    """A value's quantizer (dual region, least squares) at given factors."""
    divided = observer.divided(equalization)
    gain = sensitivity_to_channels(readings, len(equalization)) * equalization.astype(np.float64) ** 2
    magnitude = precision.activation_magnitude
    quantizer = fit_aligned(divided, precision.activation_bits, magnitude=magnitude, importance=gain)
    samples = np.concatenate(divided.samples, 1).astype(np.float64)
    error = weights_error(readings, equalization, observer.power)
    error += float(gain @ ((quantize(samples, quantizer) - samples) ** 2).mean(1))
    return Fit(quantizer, equalization, error)
