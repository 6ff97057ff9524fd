"""Steps of the int16 streams: values that are added, or moved about unchanged, share one, so that they meet as integers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

import numpy as np
from numpy.typing import NDArray

from tvm_srq.graph.graph import PICTURE, Graph
from tvm_srq.operators import OPERATORS
from tvm_srq.operators.clamp import Clamp
from tvm_srq.operators.function import Function

HEADROOM = 1.5  # room above the largest value seen before a stream saturates
LARGEST = 32767


def stream_groups(graph: Graph) -> dict[str, str]:
    """For every value the first of those that it shares a step with."""
    first = {PICTURE: PICTURE, **{node.name: node.name for node in graph.nodes}}
    members = {name: [name] for name in first}

    for node in graph.nodes:
        if OPERATORS[node.operator].keeps_values:
            for other in node.inputs:
                kept, joined = sorted((first[node.name], first[other]), key=list(members).index)
                if kept != joined:
                    members[kept] += members[joined]
                    first.update(dict.fromkeys(members.pop(joined), kept))
    return first


def stream_steps(graph: Graph, largest: Mapping[str, float]) -> dict[str, float]:
    """Float32 steps by value; where the picture takes part, a grey level is a whole number of steps.

    Args:
        largest: magnitude of every value (quant.statistics.collect.Statistics).
    """
    groups = stream_groups(graph)
    tops: dict[str, float] = {}
    for name, group in groups.items():
        tops[group] = max(tops.get(group, 1e-6), min(largest[name], largest_used(graph, name)))
    steps = {group: HEADROOM * top / LARGEST for group, top in tops.items()}
    grey = graph.picture.white / 255.0
    steps[groups[PICTURE]] = grey / max(int(grey / steps[groups[PICTURE]]), 1)
    return {name: float(np.float32(steps[group])) for name, group in groups.items()}


def largest_used(graph: Graph, name: str) -> float:
    """The largest magnitude of a value that makes a difference: clamps alone read it, and clip what is beyond."""
    readers = graph.readers[name]
    if not readers or any(reader.operator != "clamp" for reader in readers):
        return math.inf
    clamp = cast(Clamp, OPERATORS["clamp"])
    return max(abs(bound) for reader in readers for bound in clamp.bounds(reader))


def function_tables(graph: Graph, steps: Mapping[str, float]) -> dict[str, NDArray[np.int16]]:
    """The tables of all nodes that are looked up, for streams of these steps."""
    function = OPERATORS["function"]
    assert isinstance(function, Function)
    looked_up = (node for node in graph.nodes if node.operator == "function")
    return {node.name: function.table(node, steps[node.inputs[0]], steps[node.name]) for node in looked_up}
