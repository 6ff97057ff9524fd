"""Learning the rounding of weights unit by unit (BRECQ, Li et al., ICLR 2021).

A unit is a residual block, that is the convolutions between two points of the skip stream, or a convolution outside any. Its
outputs, on what the quantized units before it make, are brought near those of the full-precision network: a unit makes up for
the errors of those before it, and convolutions of one block for each other's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor
from tqdm import tqdm

from tvm_srq.graph.graph import Graph
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.quant.fitting.learned_rounding import LearnedRounding, RoundingSchedule, logarithmic, squared_distance, undecided
from tvm_srq.quant.fitting.two_parts import like
from tvm_srq.quant.training.finetune import random_patches
from tvm_srq.quant.walk import Walk
from tvm_srq.spec import QuantSpec


@dataclass(frozen=True)
class Unit:
    """Convolutions whose rounding is learned together; ``stop``: position of the first node that is no longer part of it."""

    convolutions: tuple[str, ...]
    stop: int


def units_of(graph: Graph) -> list[Unit]:
    """A graph's units, in execution order."""
    convolutions = {position: node.name for position, node in enumerate(graph.nodes) if node.operator == "convolution"}
    starts = [0, *pieces(Lifetimes(graph), sorted(convolutions), 0, len(graph.nodes))]
    return [
        Unit(tuple(name for position, name in convolutions.items() if start <= position < stop), stop)
        for start, stop in pairwise([*starts, len(graph.nodes)])
    ]


class Lifetimes:
    """From where to where values are needed, by positions of nodes.

    Attributes:
        reads: by the position that a value is made at, those that it is read at; the output is read behind all nodes.
    """

    def __init__(self, graph: Graph):
        made = {node.name: position for position, node in enumerate(graph.nodes)}
        self.reads = {made[node.name]: [made[reader.name] for reader in graph.readers[node.name]] for node in graph.nodes}
        self.reads[len(graph.nodes) - 1].append(len(graph.nodes))

    def carried(self, first: int, last: int) -> set[int]:
        """Values made before the one position and read behind the other."""
        return {made for made, reads in self.reads.items() if made < first and max(reads, default=0) > last}

    def crossing(self, position: int, last: int, carried: set[int]) -> int:
        """How many values are made before a position and read from there on; those carried past only if also up to ``last``."""
        return sum(
            made < position and any(position <= read and (read <= last or made not in carried) for read in reads)
            for made, reads in self.reads.items()
        )


def pieces(lifetimes: Lifetimes, convolutions: list[int], start: int, stop: int) -> list[int]:
    """Positions of convolutions to divide a range of nodes at: those that a single value leads to, beside what is carried past.

    A range around which something is carried, a residual block, is not divided into single convolutions.
    """
    inside = [position for position in convolutions if start <= position < stop]
    carried = lifetimes.carried(inside[0], inside[-1]) if start else set()
    cuts = [position for position in inside[1:] if lifetimes.crossing(position, inside[-1], carried) <= 1]
    parts = list(pairwise([start, *cuts, stop]))
    counts = [sum(first <= position < last for position in inside) for first, last in parts]
    if not cuts or (carried and max(counts) == 1):
        return []
    divided = [pieces(lifetimes, convolutions, *part) if count > 1 else [] for part, count in zip(parts, counts, strict=True)]
    return sorted([*cuts, *(position for part in divided for position in part)])


def rounding_network(network: GraphNetwork, spec: QuantSpec) -> GraphNetwork:
    """A copy of a full-precision network with quantized convolutions whose weights' rounding can be learned."""
    result = GraphNetwork(network.graph)
    for name, layer in spec.layers.items():
        convolution = network.convolution(name)
        result.set_submodule(name, LearnedRounding(convolution, convolution.weight.detach(), layer))
    return result.eval()


def learn_rounding(
    network: GraphNetwork, spec: QuantSpec, pictures: list[Tensor], held_out: list[Tensor], schedule: RoundingSchedule,
    seed: int = 0,
) -> tuple[QuantSpec, list[tuple[float, float]]]:
    """Learn the rounding of all weights, one code from ``spec``'s at most.

    Args:
        spec: on integer grids.
        pictures, held_out: (1, 3, H, W) network inputs to learn on, in random patches, and to measure on.

    Returns:
        The QuantSpec, and by unit the held-out squared distance of its outputs before and after, which never rises.
    """
    network, generator = like(network, spec.graph), torch.Generator().manual_seed(seed)
    patches = random_patches(pictures, schedule.patch, schedule.pool, generator)
    batches = list(patches.split(schedule.batch))
    student = rounding_network(network, spec)
    exact, rounded = Walk(network, batches + held_out), Walk(student, batches + held_out)
    units = units_of(network.graph)
    distances = []
    with tqdm(total=len(units) * schedule.steps, desc="learning rounding", disable=None) as progress:
        for unit in units:
            targets = exact.go_on(unit.stop)
            convolutions = [student.get_submodule(name) for name in unit.convolutions]
            assert all(isinstance(convolution, LearnedRounding) for convolution in convolutions)
            learning = UnitRounding(convolutions, rounded, unit.stop, targets, len(batches), schedule)  # type: ignore[arg-type]
            distances.append(learning.learn(generator, progress))
            rounded.go_on(unit.stop)
    layers = {name: student.get_submodule(name).rounded() for name in spec.layers}  # type: ignore[operator]
    return replace(spec, layers=layers), distances


class UnitRounding:
    """The learning of one unit.

    Args:
        walk: the quantized network, in front of the unit; ``stop``: the first node behind it.
        targets: the unit's full-precision outputs by batch; the first ``training`` batches are learned on.
    """

    def __init__(
        self, convolutions: list[LearnedRounding], walk: Walk, stop: int, targets: list[list[Tensor]], training: int,
        schedule: RoundingSchedule,
    ):  # fmt: skip
        self.convolutions, self.walk, self.stop, self.targets = convolutions, walk, stop, targets
        self.training, self.schedule = training, schedule

    def distances(self, index: int) -> Tensor:
        """(N,) squared, to the full-precision outputs, of one batch's patches."""
        margin = self.schedule.margin / self.schedule.patch if index < self.training else 0.0
        return squared_distance(self.walk.outputs(self.walk.values[index], self.stop), self.targets[index], margin)

    @torch.no_grad()
    def held_out_distances(self) -> Tensor:
        return torch.cat([self.distances(index) for index in range(self.training, len(self.targets))])

    def learn(self, generator: torch.Generator, progress: tqdm) -> tuple[float, float]:
        """Learn, and take all back unless the held-out distance fell.

        Returns:
            The squared held-out distance before and after, as the geometric mean over pictures.
        """
        distances = self.held_out_distances()
        usual = float(distances.mean())
        before = after = logarithmic(distances, usual)
        optimizer = torch.optim.Adam([convolution.choice for convolution in self.convolutions], self.schedule.rate)
        self.soften(True)
        for step in range(self.schedule.steps):
            index = int(torch.randint(self.training, (1,), generator=generator))
            loss = logarithmic(self.distances(index), usual)
            exponent = self.schedule.exponent(step)
            if exponent is not None:
                loss = loss + self.schedule.pull * undecided(self.convolutions, exponent)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            progress.update()
        self.soften(False)
        for convolution in self.convolutions:
            convolution.settle()
        learned = logarithmic(self.held_out_distances(), usual)
        if learned < before:
            after = learned
        else:
            for convolution in self.convolutions:
                convolution.take_back()
        return usual * float(before.exp()), usual * float(after.exp())

    def soften(self, soft: bool) -> None:
        for convolution in self.convolutions:
            convolution.soft = soft
            convolution.choice.requires_grad_(soft)
