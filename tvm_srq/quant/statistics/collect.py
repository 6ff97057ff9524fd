"""Statistics of a network's activations over low-resolution pictures: all that calibration sees of them."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn
from tqdm import tqdm

from tvm_srq.data.pictures import read_picture
from tvm_srq.models.base import Network, as_batch
from tvm_srq.quant.fitting.rounding import PatchMoments
from tvm_srq.quant.plan import trace
from tvm_srq.quant.statistics.observers import Observer

MAX_SIDE = 256  # calibration pictures are cut to this many rows and columns: memory stays bounded


@dataclass
class Statistics:
    """What was seen.

    Attributes:
        inputs: of every convolution's input, by the convolution's name.
        moments: of the same inputs' patches, where they are collected.
        largest_addend: the largest magnitude of any operand or result of an addition.
    """

    inputs: dict[str, Observer] = field(default_factory=dict)
    moments: dict[str, PatchMoments] | None = None
    largest_addend: float = 0.0


class Collector(fx.Interpreter):
    """Runs a network and observes the input of every convolution and the extremes of every stream."""

    def __init__(self, network: nn.Module, seed: int, moments: bool):
        super().__init__(trace(network))
        self.generator = torch.Generator().manual_seed(seed)
        self.statistics = Statistics(moments={} if moments else None)

    def call_module(self, target: Any, args: tuple, kwargs: dict) -> Any:
        module = self.fetch_attr(target)
        if isinstance(module, nn.Conv2d):
            self.statistics.inputs.setdefault(target, Observer()).update(args[0], self.generator)
            if self.statistics.moments is not None and module.groups == 1:
                moments = self.statistics.moments.setdefault(target, PatchMoments(module.kernel_size[0]))
                moments.update(args[0], self.generator)
        return super().call_module(target, args, kwargs)

    def call_function(self, target: Any, args: tuple, kwargs: dict) -> Any:
        result = super().call_function(target, args, kwargs)
        if target in (operator.add, torch.add):
            tensors = [value for value in (*args, result) if isinstance(value, torch.Tensor)]
            largest = max(float(value.abs().max()) for value in tensors)
            self.statistics.largest_addend = max(self.statistics.largest_addend, largest)
        return result


@torch.no_grad()
def collect_statistics(network: Network, paths: list[Path], seed: int, moments: bool = False) -> Statistics:
    """Run the network over low-resolution pictures; ``moments``: those of input patches too.

    Raises:
        UserError: one is unreadable.
    """
    collector = Collector(network, seed, moments)
    for path in tqdm(paths, "calibrating", disable=None):
        collector.run(as_batch(read_picture(path)[:MAX_SIDE, :MAX_SIDE], network))
    return collector.statistics
