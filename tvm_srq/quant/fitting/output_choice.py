"""Chooses among input ranges by what they do to the picture, not to the tensor.

The inputs of the upsampler and of the last convolution have outliers that carry colour: least squares on the
tensor clips them, the full range starves the rest. Which is right differs by layer, so candidates are tried one
by one in the float network, and the one whose output is nearest to the full-precision output wins: on held-out
calibration pictures, of which no ground truth is used, and on flat colours (quant.fitting.reached).

What counts is how much an error adds to the network's own, taken to be the same in all photographs: squares count, not what
PSNR sees (quant.training.visible_error), which forgives the busy crops and clips too much: with upsamplers in range that
gains 0.05 dB on EDSR and loses 0.32 on SRResNet. Flat colours must stay what they are; the worst of them counts.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tvm_srq.graph.graph import PictureFormat
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.quant.fitting.equalize import STRENGTHS, Fit, equalized_weights, factors
from tvm_srq.quant.policy.settings import Precision
from tvm_srq.quant.quantizers.uniform import fit_least_squares, ranged_quantizer
from tvm_srq.quant.reports.flat_colours import middle_colours, shown
from tvm_srq.quant.simulate import fake_quantize
from tvm_srq.quant.statistics.observers import Observer
from tvm_srq.quant.walk import Walk

RANGES = (1.2, 0.9, 0.8)  # of the calibrated extremes
OWN_ERROR = 2.5  # squared grey levels by the square of the upscaling factor: how wrong networks are about photographs
FLAT = 0.02  # what the worst flat colour counts beside all photographs
MOST_SHIFT = 0.25  # grey levels that one layer may shift a flat colour by before other ranges are tried


class Reader(NamedTuple):
    """A convolution that reads the values whose codes are chosen.

    Attributes:
        power: (C,) mean squares of the channels that it reads; ``channels``: (C,) which of the fit's they are.
    """

    precision: Precision
    power: NDArray[np.float64]
    channels: NDArray[np.int64]


Readers = dict[str, Reader]
"""Convolutions that read values of one grid, in execution order; also from call to call."""


def full_range(observer: Observer, precision: Precision) -> list[Fit]:
    """Every strength with the full range."""
    fits = []
    for strength in STRENGTHS:
        equalization = factors(observer, strength)
        divided = observer.divided(equalization)
        quantizer = ranged_quantizer(divided.minimum, divided.maximum, precision.activation_bits, precision.activation_magnitude)
        fits.append(Fit(quantizer, equalization, 0.0))
    return fits


def other_ranges(observer: Observer, precision: Precision, fit: Fit) -> list[Fit]:
    """The same equalization with several shares of the full range, and with the range of least squares."""
    divided = observer.divided(fit.equalization)
    bits, magnitude = precision.activation_bits, precision.activation_magnitude
    quantizers = [ranged_quantizer(s * divided.minimum, s * divided.maximum, bits, magnitude) for s in RANGES]
    quantizers.append(fit_least_squares(divided, bits, magnitude))
    return [fit, *(replace(fit, quantizer=quantizer) for quantizer in quantizers)]


class OutputChooser:
    """Goes through a float network reader by reader, keeping the values in front of the current one.

    Args:
        photographs: (1, C, H, W) network inputs; ``flat``: (N, C, H, W), of one colour each.
    """

    @torch.no_grad()
    def __init__(self, network: GraphNetwork, photographs: Sequence[Tensor], flat: Tensor | None = None):
        self.network, self.flat = network, flat
        batches = [*photographs, *([] if flat is None else [flat])]
        self.walk, self.targets = Walk(network, batches), [network(batch) for batch in batches]
        self.position_of = {node.name: position for position, node in enumerate(network.graph.nodes)}
        usual = OWN_ERROR * network.scale**2
        own, counts = [usual] * len(photographs), [1 / len(photographs)] * len(photographs)
        self.own = np.array(own if flat is None else [*own, 1.0])
        self.counts = np.array(counts if flat is None else [*counts, FLAT])

    @torch.no_grad()
    def choose(self, readers: Readers, fits: list[Fit]) -> Fit:
        """The fit of least error when these readers alone are quantized."""
        self.walk.go_on(self.position_of[next(iter(readers))])
        best = replace(fits[0], error=self.output_error(readers, fits[0]))
        for fit in fits[1:]:
            error = self.output_error(readers, fit, best.error)
            if error < best.error:
                best = replace(fit, error=error)
        return best

    @torch.no_grad()
    def shifts_colours(self, readers: Readers, fit: Fit) -> bool:
        """Whether flat colours visibly change when these readers alone are quantized so."""
        self.walk.go_on(self.position_of[next(iter(readers))])
        if self.flat is None:
            return False
        with all_quantized(self.network, readers, fit):
            return next(self.errors(-1)) > MOST_SHIFT**2

    def output_error(self, readers: Readers, fit: Fit, most: float = np.inf) -> float:
        """How much larger the network's error becomes: the logarithm of its factor, or ``most`` and more, which ends it."""
        total = 0.0
        with all_quantized(self.network, readers, fit):
            for error, own, count in zip(self.errors(), self.own, self.counts, strict=True):
                total += float(count * np.log1p(error / own))
                if total >= most:
                    break
        return total

    def errors(self, first: int = 0) -> Iterator[float]:
        """By batch, from the ``first`` on: mean squares of photographs, then the square of the largest shift of a flat colour."""
        picture, batches = self.network.graph.picture, range(len(self.targets))[first:]
        for output, batch in zip(self.walk.finishing(first), batches, strict=True):
            is_flat = self.flat is not None and batch == len(self.targets) - 1
            target = self.targets[batch]
            yield largest_shift(output, target, picture) ** 2 if is_flat else squared_error(output, target, picture)


def squared_error(output: Tensor, target: Tensor, picture: PictureFormat) -> float:
    """Mean over a picture, as it is shown, in squared grey levels."""
    return float((shown(output, picture) - shown(target, picture)).square().mean())


def largest_shift(outputs: Tensor, targets: Tensor, picture: PictureFormat) -> float:
    """Of flat pictures' mean colours, in grey levels."""
    return float((middle_colours(outputs, picture) - middle_colours(targets, picture)).abs().max())


@contextmanager
def all_quantized(network: GraphNetwork, readers: Readers, fit: Fit) -> Iterator[None]:
    """A float network with these convolutions quantized, for a while."""
    with ExitStack() as stack:
        for name, reader in readers.items():
            stack.enter_context(quantized(network.convolution(name), reader, fit))
        yield


@contextmanager
def quantized(convolution: nn.Conv2d, reader: Reader, fit: Fit) -> Iterator[None]:
    """A float convolution with its input and weights quantized, for a while."""
    exact = convolution.weight.data
    equalization = fit.equalization[reader.channels]
    zero_point = None if fit.zero_point is None else fit.zero_point[reader.channels]
    codes, scale = equalized_weights(exact.numpy(), equalization, reader.power, reader.precision)
    divisors = torch.tensor(equalization)[:, None, None]
    convolution.weight.data = torch.tensor(codes * scale.reshape(-1, 1, 1, 1))
    hook = convolution.register_forward_pre_hook(lambda _, x: (fake_quantize(x[0] / divisors, fit.quantizer, zero_point),))
    try:
        yield
    finally:
        hook.remove()
        convolution.weight.data = exact
