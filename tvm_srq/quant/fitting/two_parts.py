"""Inputs that 8 bits cannot hold, in two parts: multiples of a coarse step, and what remains, each of 8 bits.

Some convolutions read values whose extremes are 40 times their usual size, and which of the two one grid of 8 bits gives up
is seen in the picture. The graph says it with what graphs have: ``convolution(x)`` becomes
``convolution(coarse(x)) + convolution(x - coarse(x))``, the same in floats whatever the step, and both convolutions have
inputs that 8 bits hold. It costs the layer's work again, so it is for the few layers that lose most of what is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tvm_srq.graph.graph import Graph, Node
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.quant.statistics.observers import Observer

COARSE, REMAINDER, NEGATIVE, WHOLE = ".coarse", "_remainder", ".negative", ".whole"
CODES = 255  # steps between the ends of 8 bits
ROOM = 1.05  # beyond the extremes that were seen


@dataclass(frozen=True)
class CoarseGrid:
    """Where the coarse part of a layer's input lies.

    Attributes:
        step: float32; ``lowest``: which multiple of it is the lowest code.
    """

    step: float
    lowest: int

    @property
    def ends(self) -> tuple[float, float]:
        """Real ends of the codes."""
        return self.lowest * self.step, (self.lowest + CODES) * self.step


def coarse_grid(observers: Sequence[Observer]) -> CoarseGrid:
    """Multiples that hold all that was seen of values side by side."""
    low = ROOM * min(0.0, *(observer.minimum for observer in observers))
    high = ROOM * max(0.0, *(observer.maximum for observer in observers))
    step = float(np.float32(max(high - low, 1e-6) / (CODES - 2)))  # both ends are rounded outwards
    return CoarseGrid(step, int(np.floor(low / step)))


def in_two_parts(graph: Graph, steps: Mapping[str, float]) -> Graph:
    """The graph with these convolutions' inputs in two parts.

    Args:
        steps: by convolution, the coarse part's.
    """
    nodes: list[Node] = []
    parameters, moved = dict(graph.parameters), dict[str, str]()
    for each in graph.nodes:
        node = replace(each, inputs=tuple(moved.get(name, name) for name in each.inputs))
        if node.name not in steps:
            nodes.append(node)
            continue
        name, (value,) = node.name, node.inputs
        parameters |= {f"{name}{NEGATIVE}.multiplier": np.array([-1.0]), f"{name}{NEGATIVE}.offset": np.array([0.0])}
        keys = {role: f"{name}{NEGATIVE}.{role}" for role in ("multiplier", "offset")}
        without_bias = {"weight": node.parameters["weight"]}
        nodes += [
            Node(f"{name}{COARSE}", "coarse", (value,), {"step": steps[name]}),
            Node(f"{name}{NEGATIVE}", "affine", (f"{name}{COARSE}",), {}, keys),
            Node(f"{name}{REMAINDER}.input", "add", (value, f"{name}{NEGATIVE}")),
            Node(f"{name}{REMAINDER}", "convolution", (f"{name}{REMAINDER}.input",), node.attributes, without_bias),
            replace(node, inputs=(f"{name}{COARSE}",)),
            Node(f"{name}{WHOLE}", "add", (name, f"{name}{REMAINDER}")),
        ]
        moved[name] = f"{name}{WHOLE}"
    return replace(graph, nodes=tuple(nodes), parameters=parameters)


def steps_of(graph: Graph) -> dict[str, float]:
    """By convolution whose input is in two parts, the coarse part's step."""
    return {node.name.removesuffix(COARSE): node.attributes["step"] for node in graph.nodes if node.operator == "coarse"}


def like(network: GraphNetwork, graph: Graph) -> GraphNetwork:
    """The network with its inputs in the parts that another graph of it has."""
    steps = {name: step for name, step in steps_of(graph).items() if f"{name}{COARSE}" not in network.graph.by_name}
    return GraphNetwork(in_two_parts(network.graph, steps)) if steps else network


def whole_layer(graph: Graph, name: str) -> str:
    """The layer that a convolution is a part of: itself, or the one whose remainder it reads."""
    base = name.removesuffix(REMAINDER)
    return base if f"{base}{COARSE}" in graph.by_name else name
