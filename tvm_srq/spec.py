"""QuantSpec: a quantized network as data. The only thing that crosses from PyTorch to TVM."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_srq.affine import per_weight
from tvm_srq.graph.graph import Graph


@dataclass(frozen=True)
class GridQuantizer:
    """Activation quantizer on an integer grid: x -> step * levels[clip(rint(x / step), low, high) - low].

    Attributes:
        bits: width of a code; ``levels`` holds at most 2**bits distinct values.
        step: real value of one grid step (a float32 value).
        low: the fine grid's smallest index; ``high = low + len(levels) - 1``.
        levels: (high - low + 1,) int16, non-decreasing: the decoded value, in steps, of every fine index. For a
            uniform quantizer ``levels = low, low + 1, .. high``; for an aligned dual region it is the paper's
            piecewise-linear quantizer with breakpoint and tail step snapped to the grid (arXiv 2511.00682).
    """

    bits: int
    step: float
    low: int
    levels: NDArray[np.int16]

    @property
    def high(self) -> int:
        return self.low + len(self.levels) - 1

    @property
    def uniform(self) -> bool:
        return bool(np.array_equal(self.levels, np.arange(self.low, self.high + 1)))

    @property
    def magnitude(self) -> int:
        """Largest absolute decoded value, in steps."""
        return int(np.abs(self.levels.astype(np.int64)).max())


@dataclass(frozen=True)
class FreeQuantizer:
    """Activation quantizer with levels anywhere (the paper's own form): nearest value. Simulation only.

    Attributes:
        bits: nominal width; the release budget's levels need ``bits + 1``-bit codes.
        values: (n,) float32, increasing.
    """

    bits: int
    values: NDArray[np.float32]


@dataclass(frozen=True)
class LayerSpec:
    """One quantized convolution.

    Attributes:
        weight: (O, I / groups, kh, kw) int8 codes, zero exact.
        weight_scale: (O,) float32; the real weight is ``weight * weight_scale / equalization[input channel]``.
        weight_bits: width the codes are packed to.
        input: quantizer of the input; None for the convolution that reads the picture, whose uint8 is exact.
        equalization: (input channels,) float32, positive, or None for all ones: the quantizer sees x[c] / equalization[c]
            and the weights carry the inverse, so that channels of very different ranges use all codes.
        correction: (O,) float32, real, added to the sum of products (before bias and batch norm), or None.
        weight_limit: the largest code the weights may have, or None: 2**(weight_bits - 1) - 1.
        winograd: exact Winograd F(2x2, 3x3) takes the kernels in int8 (tvm_srq.winograd_range), and is to go on doing so.
        zero_point: (input channels,) int16 within the quantizer's range, or None for zeros: the decoded value that stands for a
            real zero, so that channels of one sign use all codes too. Uniform quantizers only.
    """

    weight: NDArray[np.int8]
    weight_scale: NDArray[np.float32]
    weight_bits: int
    input: GridQuantizer | FreeQuantizer | None
    equalization: NDArray[np.float32] | None = None
    correction: NDArray[np.float32] | None = None
    weight_limit: int | None = None
    zero_point: NDArray[np.int16] | None = None
    winograd: bool = False

    def __post_init__(self) -> None:
        if self.zero_point is not None:
            assert isinstance(self.input, GridQuantizer) and self.input.uniform
            assert self.input.low <= self.zero_point.min() and self.zero_point.max() <= self.input.high

    @property
    def weight_magnitude(self) -> int:
        """Largest code the weights may have."""
        return 2 ** (self.weight_bits - 1) - 1 if self.weight_limit is None else self.weight_limit

    @property
    def real_weight(self) -> NDArray[np.float32]:
        """(O, I / groups, kh, kw): what the codes stand for, equalization undone."""
        weight = self.weight.astype(np.float32) * self.weight_scale.reshape(-1, 1, 1, 1)
        if self.equalization is None:
            return weight
        return weight / per_weight(self.equalization, weight.shape)


@dataclass(frozen=True)
class QuantSpec:
    """A quantized network.

    Attributes:
        graph: the network; of its convolutions' weights only the shapes count.
        layers: by convolution node, in execution order.
        streams: real value of one int16 step of every value's stream, by node (``PICTURE`` too), float32 values.
        tables: of every node that is looked up, (4096,) int16: results by stream value (tvm_srq.operators.function).
        metadata: how it was made: method, bits, calibration, versions. JSON values.
    """

    graph: Graph
    layers: dict[str, LayerSpec]
    streams: dict[str, float]
    tables: dict[str, NDArray[np.int16]] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def integer(self) -> bool:
        """Whether it runs in integers (every quantizer lies on a grid); otherwise it can only be simulated."""
        return not any(isinstance(layer.input, FreeQuantizer) for layer in self.layers.values())

    @cached_property
    def dequantized(self) -> Graph:
        """The graph with the weights that the codes stand for; the first application's where a convolution is applied again."""
        weights: dict[str, NDArray] = {}
        for node in self.graph.convolutions():
            weights.setdefault(node.parameters["weight"], self.layers[node.name].real_weight)
        return replace(self.graph, parameters={**self.graph.parameters, **weights})
