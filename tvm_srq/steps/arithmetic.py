"""The arithmetic that steps share: one float32 multiply, a clip, a rounding of halves to even; sums in integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tvm_srq.requantize import STREAM_MAX, STREAM_MIN


def clip_stream(value: Tensor) -> Tensor:
    """Integers or floats within the range of a stream."""
    return value.clamp(STREAM_MIN, STREAM_MAX)


def rescale(value: Tensor, ratio: float | Tensor, ends: tuple[int, int] = (STREAM_MIN, STREAM_MAX)) -> Tensor:
    """int32 -> int32: rint(clip(float32(value) * ratio)), the ratio float32, one for all channels or (C, 1, 1)."""
    return (value.float() * ratio).clamp(*ends).round().to(torch.int32)


def by_channel(values: NDArray) -> Tensor:
    """(C,) as (C, 1, 1)."""
    return torch.from_numpy(np.array(values))[:, None, None]


def floats(values: Any, what: str) -> NDArray[np.float32]:
    """(C,) float32.

    Raises:
        ValueError: not one-dimensional, or not finite.
    """
    with np.errstate(over="ignore"):
        array = np.array(values, np.float32)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError(f"{what}: finite float32 by channel, not shape {array.shape}")
    return array


def integers(values: Any, dtype: type, what: str) -> NDArray:
    """(C,) of an integer ``dtype``.

    Raises:
        ValueError: not one-dimensional, or values that the dtype does not hold.
    """
    given = np.asarray(values)
    array: NDArray = given.astype(dtype)
    if array.ndim != 1 or not np.array_equal(array, given):
        raise ValueError(f"{what}: one-dimensional {np.dtype(dtype).name}, not {given.dtype} of shape {given.shape}")
    return array


def float32(value: float, what: str) -> float:
    """A float that float32 holds exactly, the nearest to ``value``.

    Raises:
        ValueError: it is not finite.
    """
    with np.errstate(over="ignore"):
        nearest = float(np.float32(value))
    if not np.isfinite(nearest):
        raise ValueError(f"{what} is not finite in float32: {value}")
    return nearest
