"""Statistics of activations, channel by channel: extremes and a bounded random sample. They know nothing of quantizers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SAMPLES_PER_PICTURE = 16384
HISTOGRAM_BINS = 4096
SMALLEST_SHARE = 1e-3  # a channel's range counts as at least this share of the largest one


@dataclass
class Observer:
    """What calibration keeps of one (1, C, H, W) tensor: extremes, and about SAMPLES_PER_PICTURE values per picture.

    Attributes:
        minima, maxima: (C,) float32, over everything seen.
        samples: (C, n) values at the same random pixels in every channel, one array per picture.
        bounds: what the network clips the values at, if it does.
    """

    minima: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    maxima: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    samples: list[NDArray[np.float32]] = field(default_factory=list)
    bounds: tuple[float, float] = (-np.inf, np.inf)

    def update(self, values: Tensor, generator: torch.Generator) -> None:
        """Take in one (1, C, H, W) tensor."""
        flat = values.detach()[0].flatten(1)
        minima, maxima = flat.amin(1).numpy(), flat.amax(1).numpy()
        self.minima = np.minimum(self.minima, minima) if self.samples else minima.copy()
        self.maxima = np.maximum(self.maxima, maxima) if self.samples else maxima.copy()
        count = min(max(SAMPLES_PER_PICTURE // len(flat), 1), flat.shape[1])
        index = torch.randint(flat.shape[1], (count,), generator=generator)
        self.samples.append(flat[:, index].numpy().astype(np.float32))

    def reaching(self, other: Observer | None) -> Observer:
        """The same samples, and the extremes of both, where there is another."""
        if other is None:
            return self
        minima, maxima = np.minimum(self.minima, other.minima), np.maximum(self.maxima, other.maxima)
        return replace(self, minima=minima, maxima=maxima)

    @property
    def minimum(self) -> float:
        return float(self.minima.min())

    @property
    def maximum(self) -> float:
        return float(self.maxima.max())

    @property
    def power(self) -> NDArray[np.float64]:
        """(C,) mean square of every channel."""
        return (np.concatenate(self.samples, 1).astype(np.float64) ** 2).mean(1)

    def ranges(self) -> NDArray[np.float64]:
        """(C,) largest magnitude of every channel, kept away from zero."""
        largest = np.maximum(np.abs(self.minima), np.abs(self.maxima)).astype(np.float64)
        return np.maximum(largest, SMALLEST_SHARE * max(largest.max(), 1e-6))

    def divided(self, factors: NDArray[np.float32]) -> Observer:
        """The observer of x[c] / factors[c]."""
        samples = [sample / factors[:, None] for sample in self.samples]
        return Observer(self.minima / factors, self.maxima / factors, samples)

    def histogram(self, importance: NDArray[np.float64] | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Values and their weights (summing to 1), the extremes among them; each at most HISTOGRAM_BINS + 2 long.

        Args:
            importance: (C,) how much a value of each channel counts, or None for equally.
        """
        samples = np.concatenate(self.samples, 1).astype(np.float64)
        counted = np.ones(len(samples)) if importance is None else importance / max(importance.mean(), 1e-30)
        weights = np.broadcast_to(counted[:, None], samples.shape).reshape(-1)
        values = samples.reshape(-1)
        edges = (self.minimum, max(self.maximum, self.minimum + 1e-12))
        counts, _ = np.histogram(values, HISTOGRAM_BINS, edges, weights=weights)
        sums, _ = np.histogram(values, HISTOGRAM_BINS, edges, weights=values * weights)
        seen = counts > 0
        centres = np.append(sums[seen] / counts[seen], [self.minimum, self.maximum])
        shares = np.append(counts[seen], [0.5, 0.5])
        return centres, shares / shares.sum()

    def percentile(self, share: float) -> tuple[float, float]:
        """The range that holds ``share`` (0..1) of the sampled values, equal tails cut off."""
        tail = 50.0 * (1.0 - share)
        low, high = np.percentile(np.concatenate(self.samples, 1), [tail, 100.0 - tail])
        return float(low), float(high)


def side_by_side(observers: Sequence[Observer]) -> Observer:
    """The observer of values concatenated by channel; they were seen on the same pictures."""
    if len(observers) == 1:
        return observers[0]
    together = zip(*(observer.samples for observer in observers), strict=True)
    samples = [np.concatenate([part[:, : min(p.shape[1] for p in parts)] for part in parts]) for parts in together]
    minima, maxima = (np.concatenate([getattr(observer, name) for observer in observers]) for name in ("minima", "maxima"))
    return Observer(minima, maxima, samples)
