"""Per-channel affine maps in float64: what batch norm, mean shift, bias and scalar multiplies become."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Affine:
    """y[c] = multiplier[c] * x[c] + offset[c]; both (channels,) float64.

    The integer reference and the compiler compose the same maps in the same order (dataflow order, from the
    convolution outwards) with :meth:`then`, so their requantization constants are equal to the last bit.
    """

    multiplier: NDArray[np.float64]
    offset: NDArray[np.float64]

    @staticmethod
    def of(multiplier: object, offset: object, channels: int) -> "Affine":
        """Broadcast scalars or (1, C, 1, 1) arrays to (channels,) float64."""
        flat = (np.asarray(values, np.float64).reshape(-1) for values in (multiplier, offset))
        return Affine(*(np.broadcast_to(values, channels).copy() for values in flat))

    @staticmethod
    def identity(channels: int) -> "Affine":
        return Affine.of(1.0, 0.0, channels)

    def then(self, outer: "Affine") -> "Affine":
        """The map that applies ``self`` first and ``outer`` to its result."""
        return Affine(self.multiplier * outer.multiplier, self.offset * outer.multiplier + outer.offset)

    def repeat(self, times: int) -> "Affine":
        """The map before a pixel shuffle that does what ``self`` does after it (channel c -> c*times ...)."""
        return Affine(np.repeat(self.multiplier, times), np.repeat(self.offset, times))


def batch_norm_affine(gamma: NDArray, beta: NDArray, mean: NDArray, variance: NDArray, epsilon: float) -> Affine:
    """Batch normalization in evaluation mode as an affine map."""
    gamma, beta, mean, variance = (np.asarray(v, np.float64) for v in (gamma, beta, mean, variance))
    multiplier = gamma / np.sqrt(variance + epsilon)
    return Affine(multiplier, beta - mean * multiplier)


def per_weight(values: NDArray, shape: tuple[int, ...]) -> NDArray:
    """One value per input channel as (O or 1, I / groups, 1, 1), to multiply weights of ``shape`` (O, I / groups, kh, kw)."""
    groups = len(values) // shape[1]
    by_output = np.repeat(values.reshape(groups, -1), shape[0] // groups if groups > 1 else 1, axis=0)
    return by_output[:, :, None, None]
