"""Statistics of a network's values over low-resolution pictures: all that calibration sees of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from tqdm import tqdm

from tvm_srq.data.pictures import read_picture
from tvm_srq.graph.graph import PICTURE, Graph
from tvm_srq.graph.network import GraphNetwork, as_batch
from tvm_srq.operators import OPERATORS
from tvm_srq.operators.clamp import Clamp
from tvm_srq.quant.coded_values import parts_of, reads_pixels
from tvm_srq.quant.fitting.rounding import PatchMoments
from tvm_srq.quant.statistics.observers import Observer

MAX_SIDE = 256  # calibration pictures are cut to this many rows and columns: memory stays bounded


@dataclass
class Statistics:
    """What was seen.

    Attributes:
        values: of every value that convolutions read, side by side or alone, by its name (tvm_srq.quant.coded_values).
        moments: of their patches, by value and kernel size, where they are collected.
        largest: the largest magnitude of every value, the picture's too.
    """

    values: dict[str, Observer] = field(default_factory=dict)
    moments: dict[tuple[str, int], PatchMoments] | None = None
    largest: dict[str, float] = field(default_factory=dict)


class Collector:
    """Runs a network and observes its values."""

    def __init__(self, network: GraphNetwork, seed: int, moments: bool):
        self.network, self.graph = network, network.graph
        self.generator = torch.Generator().manual_seed(seed)
        self.kernels = read_kernels(self.graph)
        self.statistics = Statistics(moments={} if moments else None)

    def run(self, batch: Tensor) -> None:
        values = {PICTURE: batch}
        self.observe(PICTURE, batch)
        self.statistics.largest[PICTURE] = self.graph.picture.white
        for position, node in enumerate(self.graph.nodes):
            values = self.network.advance(values, position, position + 1)
            self.observe(node.name, values[node.name])

    def observe(self, name: str, value: Tensor) -> None:
        largest = self.statistics.largest
        largest[name] = max(largest.get(name, 0.0), float(value.abs().max()))
        if name not in self.kernels:
            return
        self.statistics.values.setdefault(name, Observer(bounds=bounds_of(self.graph, name))).update(value, self.generator)
        if self.statistics.moments is not None:
            for kernel in self.kernels[name]:
                moments = self.statistics.moments.setdefault((name, kernel), PatchMoments(kernel))
                moments.update(value, self.generator)


def bounds_of(graph: Graph, name: str) -> tuple[float, float]:
    """What a value is clipped at."""
    if name == PICTURE or graph.node(name).operator != "clamp":
        return -math.inf, math.inf
    return cast(Clamp, OPERATORS["clamp"]).bounds(graph.node(name))


def read_kernels(graph: Graph) -> dict[str, tuple[int, ...]]:
    """The values that convolutions read, with the kernel sizes of those of one group, which are rounded with feedback."""
    found: dict[str, dict[int, None]] = {}
    for node in graph.convolutions():
        values = [node.inputs[0]] if reads_pixels(graph, node) else parts_of(graph, node)
        for value in values:
            kernels = found.setdefault(value, {})
            if node.attributes["groups"] == 1:
                kernels[graph.parameters[node.parameters["weight"]].shape[2]] = None
    return {value: tuple(kernels) for value, kernels in found.items()}


@torch.no_grad()
def collect_statistics(network: GraphNetwork, paths: list[Path], seed: int, moments: bool = False) -> Statistics:
    """Run the network over low-resolution pictures; ``moments``: those of patches too.

    Raises:
        UserError: one is unreadable.
    """
    collector = Collector(network, seed, moments)
    for path in tqdm(paths, "calibrating", disable=None):
        collector.run(as_batch(read_picture(path, network.channels)[:MAX_SIDE, :MAX_SIDE], network.graph))
    return collector.statistics
