"""Statistics of activations: extremes and a bounded random sample. They know nothing of quantizers."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SAMPLES_PER_PICTURE = 16384
HISTOGRAM_BINS = 4096


@dataclass
class Observer:
    """What calibration keeps of one tensor: a few numbers and at most SAMPLES_PER_PICTURE values per picture.

    Attributes:
        minimum, maximum: over everything seen.
        samples: random values, one array per picture.
    """

    minimum: float = np.inf
    maximum: float = -np.inf
    samples: list[NDArray[np.float32]] = field(default_factory=list)

    def update(self, values: Tensor, generator: torch.Generator) -> None:
        """Take in one tensor of any shape."""
        flat = values.detach().flatten()
        self.minimum = min(self.minimum, float(flat.min()))
        self.maximum = max(self.maximum, float(flat.max()))
        index = torch.randint(flat.numel(), (min(SAMPLES_PER_PICTURE, flat.numel()),), generator=generator)
        self.samples.append(flat[index].numpy().astype(np.float32))

    def histogram(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Values and their weights (summing to 1), the extremes among them; each at most HISTOGRAM_BINS + 2 long."""
        values = np.concatenate(self.samples).astype(np.float64)
        counts, edges = np.histogram(values, HISTOGRAM_BINS, (self.minimum, max(self.maximum, self.minimum + 1e-12)))
        sums, _ = np.histogram(values, edges, weights=values)
        seen = counts > 0
        centres = np.append(sums[seen] / counts[seen], [self.minimum, self.maximum])
        weights = np.append(counts[seen], [0.5, 0.5])
        return centres, weights / weights.sum()

    def percentile(self, share: float) -> tuple[float, float]:
        """The range that holds ``share`` (0..1) of the sampled values, equal tails cut off."""
        tail = 50.0 * (1.0 - share)
        low, high = np.percentile(np.concatenate(self.samples), [tail, 100.0 - tail])
        return float(low), float(high)
