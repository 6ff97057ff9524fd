"""Learning the rounding of weights unit by unit (BRECQ, Li et al., ICLR 2021).

A unit is a residual block, that is the convolutions between two points of the skip stream, or a convolution outside any. Its
outputs, on what the quantized units before it make, are brought near those of the full-precision network: a unit makes up for
the errors of those before it, and convolutions of one block for each other's.
"""

from __future__ import annotations

import torch
from torch import Tensor, fx, nn
from tqdm import tqdm

from tvm_srq.models.base import Network
from tvm_srq.models.load import network_from_spec
from tvm_srq.quant.fitting.learned_rounding import LearnedRounding, RoundingSchedule, logarithmic, squared_distance, undecided
from tvm_srq.quant.fitting.partial import PartialRunner, Values
from tvm_srq.quant.plan import Plan, make_plan
from tvm_srq.quant.training.finetune import random_patches
from tvm_srq.spec import QuantSpec

Units = list[tuple[str, ...]]


def units_of(plan: Plan) -> Units:
    """Names of the convolutions of each unit, in execution order."""
    units: Units = []
    for name, step in plan.steps.items():
        unit: tuple[str, ...] = (name,)
        while step.skip is not None and units and units[-1] == (plan.steps[unit[0]].source,) and units[-1][0] not in plan.streams:
            unit = units.pop() + unit
        units.append(unit)
    return units


class Walk:
    """A network run unit by unit over several batches.

    Attributes:
        values: by batch, what the nodes from ``position`` on read.
    """

    def __init__(self, network: nn.Module, batches: list[Tensor]):
        self.runner = PartialRunner(network)
        begun = [self.runner.begin(batch) for batch in batches]
        self.values, self.position = [values for values, _ in begun], begun[0][1]

    def behind(self, units: Units) -> list[int]:
        """Index of the first node that is no longer part of each unit."""
        return [*(self.runner.position[names[0]] for names in units[1:]), len(self.runner.nodes)]

    def outputs(self, values: Values, stop: int) -> list[Tensor]:
        """What nodes from ``position`` to ``stop`` make for those behind them."""
        return self.made(self.runner.advance(values, self.position, stop), stop)

    def made(self, values: Values, stop: int) -> list[Tensor]:
        nodes: set[fx.Node] = set(self.runner.nodes[self.position : stop])
        return [value for node, value in values.items() if node in nodes]

    @torch.no_grad()
    def go_on(self, stop: int) -> list[list[Tensor]]:
        """Move behind a unit; its outputs by batch."""
        self.values = [self.runner.advance(values, self.position, stop) for values in self.values]
        outputs = [self.made(values, stop) for values in self.values]
        self.position = stop
        return outputs


def rounding_network(network: Network, spec: QuantSpec) -> Network:
    """A copy of a full-precision network with quantized convolutions whose weights' rounding can be learned."""
    result = network_from_spec(spec).requires_grad_(False)
    for name, layer in spec.layers.items():
        convolution, exact = result.get_submodule(name), network.get_submodule(name)
        assert isinstance(convolution, nn.Conv2d) and isinstance(exact, nn.Conv2d)
        result.set_submodule(name, LearnedRounding(convolution, exact.weight.detach(), layer))
    return result.eval()


def learn_rounding(
    network: Network, spec: QuantSpec, pictures: list[Tensor], held_out: list[Tensor], schedule: RoundingSchedule, seed: int = 0
) -> tuple[QuantSpec, list[tuple[float, float]]]:
    """Learn the rounding of all weights, one code from ``spec``'s at most.

    Args:
        spec: on integer grids.
        pictures, held_out: (1, 3, H, W) network inputs to learn on, in random patches, and to measure on.

    Returns:
        The QuantSpec, and by unit the held-out squared distance of its outputs before and after, which never rises.
    """
    generator = torch.Generator().manual_seed(seed)
    patches = random_patches(pictures, schedule.patch, schedule.pool, generator)
    batches = list(patches.split(schedule.batch))
    student = rounding_network(network, spec)
    exact, rounded = Walk(network, batches + held_out), Walk(student, batches + held_out)
    units = units_of(make_plan(network))
    distances = []
    with tqdm(total=len(units) * schedule.steps, desc="learning rounding", disable=None) as progress:
        for names, stop in zip(units, exact.behind(units), strict=True):
            targets = exact.go_on(stop)
            convolutions = [student.get_submodule(name) for name in names]
            assert all(isinstance(convolution, LearnedRounding) for convolution in convolutions)
            unit = UnitRounding(convolutions, rounded, stop, targets, len(batches), schedule)  # type: ignore[arg-type]
            distances.append(unit.learn(generator, progress))
            rounded.go_on(stop)
    layers = {name: student.get_submodule(name).rounded() for name in spec.layers}  # type: ignore[operator]
    return QuantSpec(spec.family, spec.config, layers, spec.parameters, spec.metadata), distances


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
