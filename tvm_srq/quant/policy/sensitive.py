"""Layers that 4 bits would visibly harm: which they are is measured, and they are held wider, as far as that stays cheap.

The paper's policy keeps head, upsampler and last convolution at 8 bits, for they are sensitive in its three networks. In others
further layers are: convolutions of one pixel that join a block's branches, or those behind the last block. The float
network is run with one layer quantized at a time; where all errors together would be visible, layers of most error for their
work become wider, and so do layers that alone visibly shift flat colours: with few codes no range holds both what saturated
colours reach and what photographs mostly have. 3x3 kernels get 6 bits, which exact Winograd runs as fast as 4; others 8. Where
layers of 6 bits still lose much of what is lost, those of most error for their work get 8 bits too, for a little more work.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import astuple, replace

from torch import Tensor

from tvm_srq.graph.graph import Graph
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.quant.fitting.reached import colour_shifts
from tvm_srq.quant.policy.edges import input_pixels
from tvm_srq.quant.policy.policy import Policy
from tvm_srq.quant.policy.settings import IN_RANGE, Precision
from tvm_srq.quant.reports.sensitivity import BOTH, measure_layers
from tvm_srq.quant.training.visible_error import simulated_distance
from tvm_srq.spec import QuantSpec

VISIBLE = 2.5  # squared grey levels, summed over layers, by the upscaling factor: the larger it is, the less certain details are
MOST_SHIFT = 1.0  # grey levels that one layer may shift a flat colour by
ROUNDS = 3  # of choices
MOST_WORK = 0.5  # of the network's multiplications, in layers held wider
LITTLE = 0.2  # of what all other layers lose: what layers of 6 bits may
MOST_DIRECT = 0.15  # of the multiplications, in layers of 8 bits that exact Winograd no longer runs
WIDE = Precision(8, 127, 8, None)
NARROW_BITS = 6  # layers of so many bits and more are not looked at


class Sensitive:
    """The sensitive layers of a network.

    Args:
        spec: under ``policy``.
        batches: (1, C, H, W) network inputs to measure on; ``targets``: the full-precision outputs.
        flat: (N, C, H, W) network inputs of one colour each, or None where colours do not count.
    """

    def __init__(
        self, network: GraphNetwork, spec: QuantSpec, policy: Policy, batches: list[Tensor], targets: list[Tensor],
        flat: Tensor | None = None,
    ):  # fmt: skip
        self.network, self.policy, self.batches, self.targets = network, policy, batches, targets
        self.visible = VISIBLE * network.scale
        self.flat = flat
        self.errors, self.shifting = self.harm(spec, [name for name in spec.layers if may_be_wider(policy, name)])

    def harm(self, spec: QuantSpec, names: Collection[str]) -> tuple[dict[str, float], set[str]]:
        """What layers do when they alone are quantized: squared errors of all, and which of them shift a flat colour."""
        if not names:
            return {}, set()
        in_order = {name: layer for name, layer in spec.layers.items() if name in names}
        these = replace(spec, layers=in_order)
        errors = {name: error for name, (error,) in measure_layers(self.network, these, self.batches, (BOTH,)).items()}
        shifts = {} if self.flat is None else colour_shifts(self.network, these, self.flat)
        return errors, {name for name, shift in shifts.items() if shift > MOST_SHIFT}

    def widths(self, fit: Callable[[dict[str, tuple]], QuantSpec]) -> dict[str, tuple]:
        """The layers to hold wider, as ``Settings.precisions`` has them.

        Errors of layers add up to more than their sum where each meets what others distorted. How much more is seen of what
        ``fit`` makes of a choice, and what may be left is taken down by that.
        """
        left, found = self.visible, dict[str, tuple]()
        for _ in range(ROUNDS):
            names = most_harmful(self.errors, work_of(self.network.graph), left, self.shifting)
            if len(names) == len(found):
                break
            found = {name: astuple(wider(self.policy, name)) for name in names}
            error = simulated_distance(fit(found), self.batches, self.targets)
            if error <= self.visible:
                break
            left *= self.visible / error
        return found | self.still_harmful(found, fit)

    def still_harmful(self, found: Mapping[str, tuple], fit: Callable[[dict[str, tuple]], QuantSpec]) -> dict[str, tuple]:
        """Those of the layers found that 6 bits do not help enough, with 8."""
        names = [name for name, precision in found.items() if precision == astuple(IN_RANGE)]
        errors, shifting = self.harm(fit(dict(found)), names)
        others = sum(error for name, error in self.errors.items() if name not in found)
        may_lose = max(self.visible - others, LITTLE * others)
        chosen = most_harmful(errors, work_of(self.network.graph), may_lose, shifting, MOST_DIRECT)
        return {name: astuple(WIDE) for name in chosen}


def may_be_wider(policy: Policy, name: str) -> bool:
    """Layers whose widths are said one by one are left as they are."""
    settings, precision = policy.settings, policy.precision(name)
    said = name in settings.table or name in settings.precisions
    return not said and min(precision.activation_bits, precision.weight_bits) < NARROW_BITS


def wider(policy: Policy, name: str) -> Precision:
    return IN_RANGE if policy.precision(name).winograd else WIDE


def work_of(graph: Graph) -> dict[str, float]:
    """By convolution, its share of the network's multiplications."""
    pixels = input_pixels(graph)
    work = {node.name: graph.parameters[node.parameters["weight"]].size * pixels[node.name] for node in graph.convolutions()}
    return {name: multiplications / sum(work.values()) for name, multiplications in work.items()}


def most_harmful(
    errors: Mapping[str, float], work: Mapping[str, float], visible: float, first: Set[str] = frozenset(),
    most_work: float = MOST_WORK,
) -> list[str]:  # fmt: skip
    """The ``first`` layers, then those of most error for their work, until what the others do is no longer visible or the
    work is too much."""
    left, done, found = sum(errors.values()), 0.0, []
    for name in sorted(errors, key=lambda name: (name in first, errors[name] / work[name]), reverse=True):
        if left <= visible and name not in first:
            break
        if done + work[name] <= most_work:
            found.append(name)
            done += work[name]
            left -= errors[name]
    return found
