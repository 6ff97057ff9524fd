"""The grid that values are coded on while a network is trained: one step for each channel, shared by all that read them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tvm_srq.quant.coded_values import CodedValues, coded_values
from tvm_srq.quant.fitting.two_parts import steps_of
from tvm_srq.spec import GridQuantizer, LayerSpec, QuantSpec


class RoundToLevels(torch.autograd.Function):
    """x -> decoded codes m; the gradient of rounding is 1 inside the range and 0 outside."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, steps: Tensor, levels: Tensor, low: Tensor) -> Tensor:  # type: ignore[override]
        """x: (N, C, H, W); steps: (C,) real step of each channel; levels: (n,) float32 for fine indices low, low + 1, .. .

        ``low``: (1,), or (C,) for consecutive levels that begin elsewhere in each channel.
        """
        scaled = x / steps[:, None, None]
        low = low[:, None, None]
        high = low + len(levels) - 1
        index = scaled.clamp(low, high).round_()
        inside = (scaled >= low - 0.5) & (scaled <= high + 0.5)
        ctx.save_for_backward(scaled, inside, steps)
        if bool((levels[1:] - levels[:-1] == 1).all()):
            return index
        return levels[(index - low).to(torch.int32)]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:  # type: ignore[override]
        scaled, inside, steps = ctx.saved_tensors
        passed = gradient * inside
        to_steps = -(passed * scaled).sum((0, 2, 3)) / steps
        return passed / steps[:, None, None], to_steps, None, None


class InputGrid(nn.Module):
    """Levels, and the real step of every channel.

    Args:
        steps: (C,) at first.
        low: (1,) fine index of the first level, or (C,) for consecutive levels that begin elsewhere in each channel.
        trained: whether the steps are to take gradients.

    Attributes:
        log_steps: (C,) their logarithms.
    """

    levels: Tensor
    low: Tensor
    first_steps: Tensor

    def __init__(self, quantizer: GridQuantizer, steps: Tensor, low: Tensor, trained: bool = True):
        super().__init__()
        self.register_buffer("levels", torch.tensor(quantizer.levels.astype(np.float32)))
        self.register_buffer("low", low)
        self.log_steps = nn.Parameter(steps.log(), requires_grad=trained)
        self.register_buffer("first_steps", self.log_steps.detach().clone())

    @classmethod
    def of_layer(cls, layer: LayerSpec, channels: int) -> InputGrid:
        """The grid of one layer's input, not to be trained."""
        return cls.of(layer.input, equalization_of(layer, channels), zero_point_of(layer, channels), trained=False)

    @classmethod
    def of(cls, quantizer: Any, equalization: np.ndarray, zero_point: np.ndarray, trained: bool) -> InputGrid:
        assert isinstance(quantizer, GridQuantizer)
        low = (quantizer.low - zero_point).astype(np.float32)
        steps, lowest = torch.tensor(quantizer.step * equalization), torch.tensor(low if zero_point.any() else low[:1])
        return cls(quantizer, steps, lowest, trained)

    def drift(self) -> Tensor:
        """(C,) logarithm of what the steps have become times."""
        return self.log_steps - self.first_steps

    def rounded(self, x: Tensor, index: Tensor | None) -> Tensor:
        """Decoded codes of (N, C, H, W); ``index``: its channels among the grid's, None for all."""
        steps, low = self.log_steps.exp(), self.low
        if index is not None:
            steps, low = steps[index], low if len(low) == 1 else low[index]
        return RoundToLevels.apply(x, steps, self.levels, low)


def equalization_of(layer: LayerSpec, channels: int) -> np.ndarray:
    return np.ones(channels, np.float32) if layer.equalization is None else layer.equalization


def zero_point_of(layer: LayerSpec, channels: int) -> np.ndarray:
    return np.zeros(channels, np.int16) if layer.zero_point is None else layer.zero_point


class SharedGrids:
    """The grids of a quantized network; those that have no other reader's factors are shared.

    Attributes:
        grids: all of them.
    """

    def __init__(self, spec: QuantSpec):
        self.spec = spec
        self.grids: list[InputGrid] = []
        self.of_reader: dict[str, tuple[InputGrid, Tensor | None]] = {}
        for group in coded_values(spec.graph, self.kind):
            if self.agree(group):
                self.add(group)
            else:
                for name in group.readers:
                    self.add_single(name)

    def kind(self, name: str) -> Any:
        quantizer = self.spec.layers[name].input
        if not isinstance(quantizer, GridQuantizer):
            return name
        return quantizer.step, quantizer.low, quantizer.levels.tobytes()

    def agree(self, group: CodedValues) -> bool:
        """Whether the readers have the same factors and zero points for the same channels."""
        merged = self.merged(group)
        return all(
            np.array_equal(whole[group.index(name)], own)
            for name in group.readers
            for whole, own in zip(merged, self.numbers(name), strict=True)
        )

    def numbers(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        layer = self.spec.layers[name]
        channels = self.spec.graph.channels[self.spec.graph.node(name).inputs[0]]
        return equalization_of(layer, channels), zero_point_of(layer, channels)

    def merged(self, group: CodedValues) -> tuple[np.ndarray, np.ndarray]:
        """(channels of the group,) factors and zero points, of every channel's last reader."""
        factors, zero_points = np.ones(group.channels, np.float32), np.zeros(group.channels, np.int16)
        for name in group.readers:
            index = group.index(name)
            factors[index], zero_points[index] = self.numbers(name)
        return factors, zero_points

    def add(self, group: CodedValues) -> None:
        grid = self.made(group.readers[0], *self.merged(group))
        for name in group.readers:
            index = group.index(name)
            everything = np.array_equal(index, np.arange(group.channels))
            self.of_reader[name] = grid, None if everything else torch.tensor(index)

    def add_single(self, name: str) -> None:
        self.of_reader[name] = self.made(name, *self.numbers(name)), None

    def made(self, name: str, equalization: np.ndarray, zero_point: np.ndarray) -> InputGrid:
        quantizer = self.spec.layers[name].input
        assert isinstance(quantizer, GridQuantizer)
        graph = self.spec.graph
        pixels = quantizer.step == graph.picture.pixel and bool((zero_point == quantizer.low).all())
        exact = pixels or name in steps_of(graph)  # pixels and coarse parts of values stay whole steps
        grid = InputGrid.of(quantizer, equalization, zero_point, trained=not exact)
        self.grids.append(grid)
        return grid
