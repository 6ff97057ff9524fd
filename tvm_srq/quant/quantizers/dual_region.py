"""The dual-region (piecewise linear) activation quantizer: free scales as in the paper, and aligned to a grid.

Wang et al., ICCV 2025 (arXiv 2511.00682), section 3: a dense region around zero and outlier tails, each
quantized uniformly. ``strict`` budgets fit b-bit codes; the authors' release doubles every region's levels,
which takes b + 1 bits. The aligned form snaps breakpoint and tail step to multiples of the dense step, so
that decoded values are small integers and a convolution over them is one integer convolution.
"""

import numpy as np
from numpy.typing import NDArray

from tvm_srq.quant.policy.settings import WINOGRAD_MAGNITUDE
from tvm_srq.quant.quantizers.uniform import SMALLEST_STEP, fit_least_squares, squared_error
from tvm_srq.quant.statistics.observers import Observer
from tvm_srq.requantize import MAX_TABLE
from tvm_srq.spec import FreeQuantizer, GridQuantizer

BUDGET_BITS = {"strict": 0, "release": 1}


def aligned_levels(bits: int, stride: int, one_sided: bool) -> NDArray[np.int16]:
    """The 2**bits decoded values, in dense steps, increasing; tails have steps of ``stride`` dense steps.

    Two-sided, b = 4: -4..3, tails 4 + stride * j and -(5 + stride * j), j = 0..3. One-sided: 0..7, tail 8 + stride * j.
    """
    if one_sided:
        dense = 2 ** (bits - 1)
        return np.concatenate([np.arange(dense), dense + stride * np.arange(dense)]).astype(np.int16)
    half, tail = 2 ** (bits - 2), stride * np.arange(2 ** (bits - 2))
    return np.concatenate([-(half + 1 + tail[::-1]), np.arange(-half, half), half + tail]).astype(np.int16)


def grid_quantizer(bits: int, step: float, values: NDArray[np.int16]) -> GridQuantizer:
    """A quantizer to ``values`` (increasing integers): every fine index maps to the nearest, the lower one of two."""
    low, high = int(values[0]), int(values[-1])
    fine = np.arange(low, high + 1)
    nearest = np.abs(fine[:, None] - values[None].astype(np.int64)).argmin(1)
    return GridQuantizer(bits, float(np.float32(max(step, SMALLEST_STEP))), low, values[nearest].astype(np.int16))


def fit_aligned(
    observer: Observer,
    bits: int,
    budget: str = "strict",
    magnitude: int | None = WINOGRAD_MAGNITUDE,
    importance: NDArray[np.float64] | None = None,
) -> GridQuantizer:
    """The aligned dual region of least squared error: side, tail stride and dense step searched jointly.

    From 6 bits on there are codes for every grid point: the least-squares uniform quantizer within ``magnitude``.

    Args:
        importance: (C,) what a channel's squared error counts, or None for equally.
    """
    width = bits + BUDGET_BITS[budget]
    if width >= 6 or width < 2:
        return fit_least_squares(observer, max(width, bits), magnitude, importance)
    values, weights = observer.histogram(importance)
    bound = WINOGRAD_MAGNITUDE if magnitude is None else magnitude
    largest = max(observer.maximum, -observer.minimum, SMALLEST_STEP)
    best, lowest = None, np.inf
    for one_sided in (True, False):
        for stride in range(1, WINOGRAD_MAGNITUDE):
            levels = aligned_levels(width, stride, one_sided)
            top = int(np.abs(levels).max())
            too_large = top > max(bound, int(np.abs(aligned_levels(width, 1, one_sided)).max()))
            if too_large or int(levels[-1]) - int(levels[0]) >= MAX_TABLE:
                break
            for share in np.geomspace(0.05, 1.0, 48):
                candidate = grid_quantizer(width, share * largest / top, levels)
                error = squared_error(candidate, values, weights)
                if error < lowest:
                    best, lowest = candidate, error
    assert best is not None
    return best


def fit_within(observer: Observer, bits: int, low: float, high: float, importance: NDArray[np.float64] | None) -> GridQuantizer:
    """The aligned dual region between two ends of least squared error: its tail stride is searched. Two to five bits."""
    values, weights = observer.histogram(importance)
    candidates: list[GridQuantizer] = []
    for stride in range(1, WINOGRAD_MAGNITUDE):
        levels = aligned_levels(bits, stride, one_sided=low == 0)
        if np.abs(levels).max() > WINOGRAD_MAGNITUDE and candidates:
            break
        step = max(high / int(levels[-1]), 0.0 if low == 0 else low / int(levels[0]))
        candidates.append(grid_quantizer(bits, step, levels))
    return min(candidates, key=lambda candidate: squared_error(candidate, values, weights))


def free_values(lower: float, upper: float, breakpoint_: float, bits: int, budget: str = "strict") -> NDArray[np.float32]:
    """The paper's levels for learned bounds and breakpoint, increasing.

    Two-sided: 2**(b-1) dense levels over [-p, p] and 2**(b-2) in each tail, which starts at the breakpoint. One-sided
    (``lower >= -p``): 2**(b-1) over [lower, p] and 2**(b-1) over (p, upper]. The release budget has b + 1 for b.
    """
    width = bits + BUDGET_BITS[budget]
    dense, tail = 2 ** (width - 1), 2 ** max(width - 2, 0)
    if lower >= -breakpoint_:
        parts = [np.linspace(lower, breakpoint_, dense), np.linspace(breakpoint_, upper, dense)]
    else:
        middle = np.linspace(-breakpoint_, breakpoint_, dense)
        parts = [np.linspace(lower, -breakpoint_, tail), middle, np.linspace(breakpoint_, upper, tail)]
    return np.unique(np.concatenate(parts).astype(np.float32))


def fit_free(observer: Observer, bits: int, budget: str = "strict") -> FreeQuantizer:
    """The paper's quantizer with bounds and breakpoint of least squared error on the calibration sample."""
    values, weights = observer.histogram()
    best, lowest = None, np.inf
    for shrink in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5):
        lower, upper = shrink * min(observer.minimum, 0.0), shrink * max(observer.maximum, SMALLEST_STEP)
        for share in np.geomspace(0.02, 0.9, 40):
            levels = free_values(lower, upper, share * max(upper, -lower), bits, budget)
            error = float(weights @ (nearest_value(values, levels) - values) ** 2)
            if error < lowest:
                best, lowest = levels, error
    assert best is not None
    return FreeQuantizer(bits, best)


def nearest_value(values: NDArray, levels: NDArray) -> NDArray:
    """Each value's nearest level; ``levels`` increasing."""
    return levels[np.searchsorted((levels[1:] + levels[:-1]) / 2, values)]
