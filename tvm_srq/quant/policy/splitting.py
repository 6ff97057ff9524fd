"""Layers whose inputs 8 bits visibly cannot hold: which they are is measured, and they get their input in two parts.

See quant.fitting.two_parts. A layer is worth its work again where it loses most of what 8 bits lose in all, or where it alone
shifts flat colours: then no range of 8 bits holds both what saturated colours reach and what photographs mostly have.
"""

from __future__ import annotations

from collections.abc import Container

from torch import Tensor

from tvm_srq.graph.graph import Graph
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.quant.fitting.reached import colour_shifts
from tvm_srq.quant.fitting.two_parts import COARSE, REMAINDER
from tvm_srq.quant.policy.edges import input_pixels
from tvm_srq.quant.policy.policy import Policy
from tvm_srq.quant.policy.sensitive import most_harmful
from tvm_srq.quant.policy.table import TWO_PARTS
from tvm_srq.quant.reports.sensitivity import INPUT, measure_layers
from tvm_srq.quant.training.visible_error import simulated_distance
from tvm_srq.spec import QuantSpec

# squared grey levels by the square of the upscaling factor; networks themselves are wrong about photographs by 2.5
VISIBLE = 0.05  # what all inputs of 8 bits may lose
LEFT = 0.02  # what is left where that is too much
LEAST_SHARE = 0.3  # of the whole network's error: where 4 bits lose more, this gains little
MOST_SHIFT = 1.0  # grey levels that one layer may shift a flat colour by
ELEMENTWISE = 100  # multiplications that the steps around a split layer take as long as, by channel that it reads or makes
MOST_COST = 0.2  # of the network's multiplications, done again or in time for that


def layers_in_two_parts(
    network: GraphNetwork, spec: QuantSpec, policy: Policy, widened: Container[str], batches: list[Tensor],
    targets: list[Tensor], flat: Tensor | None,
) -> list[str]:  # fmt: skip
    """Names of the convolutions that get their input in two parts.

    Args:
        spec: under ``policy``, of whose precisions those of the layers ``widened`` were chosen and not asked for.
        batches: (1, C, H, W) network inputs to measure on; ``targets``: the full-precision outputs.
        flat: (N, C, H, W) network inputs of one colour each, or None where colours do not count.
    """
    table = policy.settings.table
    asked = [name for name in spec.layers if name in table and table[name][2] == TWO_PARTS]
    coded = {name: layer for name, layer in spec.layers.items() if layer.input is not None}
    layers = {name: layer for name, layer in coded.items() if may_be_split(network, policy, widened, name)}
    if not layers:
        return asked
    wide, square = QuantSpec(spec.graph, layers, spec.streams, spec.tables, spec.metadata), network.scale**2
    errors = {name: error for name, (error,) in measure_layers(network, wide, batches, (INPUT,)).items()}
    shifts = {} if flat is None else colour_shifts(network, wide, flat, weights=False)
    shifting = {name for name, shift in shifts.items() if shift > MOST_SHIFT}
    lost, whole = sum(errors.values()), simulated_distance(spec, batches, targets)
    worthwhile = lost > max(VISIBLE * square, LEAST_SHARE * whole)
    left = LEFT * square if worthwhile else lost
    return asked + most_harmful(errors, cost_of(network.graph), left, shifting, MOST_COST)


def cost_of(graph: Graph) -> dict[str, float]:
    """By convolution, what splitting its input takes, as a share of the network's multiplications: it runs twice, and its input
    is rounded, subtracted and encoded again, its output added. So 1x1 kernels are dear for what they multiply."""
    pixels, work, cost = input_pixels(graph), {}, {}
    for node in graph.convolutions():
        weight = graph.parameters[node.parameters["weight"]]
        around = ELEMENTWISE * (graph.channels[node.inputs[0]] + len(weight))
        work[node.name], cost[node.name] = weight.size * pixels[node.name], (weight.size + around) * pixels[node.name]
    return {name: each / sum(work.values()) for name, each in cost.items()}


def may_be_split(network: GraphNetwork, policy: Policy, widened: Container[str], name: str) -> bool:
    """Whether a layer's input has 8 bits that nobody asked for layer by layer, and the graph has no such names yet."""
    graph, settings, precision = network.graph, policy.settings, policy.precision(name)
    asked = name in settings.precisions and name not in widened
    said = asked or name in settings.table or policy.said(name)[0] or precision.activation_bits < 8
    free = not {f"{name}{COARSE}", f"{name}{REMAINDER}"} & graph.by_name.keys()
    return not said and free
