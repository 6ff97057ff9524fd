"""Functions that were written out, recognized: SiLU, Mish, Hardsigmoid, Hardswish, GELU, squares."""

from __future__ import annotations

import math

from tvm_srq.graph.graph import Graph, Node
from tvm_srq.graph.normalize.rewriting import Rewriting


def recognize_functions(graph: Graph) -> Graph:
    """Products of a value and a function of it, and scaled bounds."""
    rewriting = Rewriting(graph)
    for node in rewriting:
        found = hardsigmoid(rewriting, node) if node.operator == "affine" else product(rewriting, node)
        if found is not None:
            function, source = found
            rewriting.change(node, "function", (source,), {"function": function})
    return rewriting.result()


def product(rewriting: Rewriting, node: Node) -> tuple[str, str] | None:
    """The function that a product is, and of what."""
    if node.operator != "multiply":
        return None
    first, second = node.inputs
    if first == second:
        return "square", first
    for value, gate in ((first, second), (second, first)):
        for gated, gating in (("silu", "sigmoid"), ("hardswish", "hardsigmoid")):
            function = rewriting.producer(gate, "function", function=gating)
            if function is not None and function.inputs[0] == value:
                return gated, value
        tanh = rewriting.producer(gate, "function", function="tanh")
        softplus = tanh and rewriting.producer(tanh.inputs[0], "function", function="softplus")
        if softplus is not None and softplus.inputs[0] == value:
            return "mish", value
        source = half_of(rewriting, value) or value
        if is_normal_distribution(rewriting, gate, source, whole=source != value):
            return "gelu", source
    return None


def half_of(rewriting: Rewriting, name: str) -> str | None:
    """What a value is half of."""
    found = rewriting.uniform_affine(name)
    return found[0] if found is not None and found[1:] == (0.5, 0.0) else None


def is_normal_distribution(rewriting: Rewriting, name: str, source: str, whole: bool) -> bool:
    """Whether a value is 1 + erf(source / sqrt(2)), which is twice the normal distribution, or (not ``whole``) half of it."""
    outer = rewriting.uniform_affine(name)
    expected = 1.0 if whole else 0.5
    if outer is None or not whole and outer[1:] == (0.5, 0.0):
        outer = None if outer is None else rewriting.uniform_affine(outer[0])
        expected = 1.0
    if outer is None or outer[1:] != (expected, expected):
        return False
    erf = rewriting.producer(outer[0], "function", function="erf")
    inner = None if erf is None else rewriting.uniform_affine(erf.inputs[0])
    return inner is not None and inner[0] == source and inner[2] == 0 and math.isclose(inner[1], math.sqrt(0.5), rel_tol=1e-6)


def hardsigmoid(rewriting: Rewriting, node: Node) -> tuple[str, str] | None:
    """``clamp(x + 3, 0, 6) / 6``."""
    outer = rewriting.uniform_affine(node.name)
    if outer is None or not math.isclose(outer[1], 1 / 6, rel_tol=1e-6) or outer[2] != 0:
        return None
    clamp = rewriting.producer(outer[0], "clamp", low=0.0, high=6.0)
    inner = None if clamp is None else rewriting.uniform_affine(clamp.inputs[0])
    return ("hardsigmoid", inner[0]) if inner is not None and inner[1:] == (1.0, 3.0) else None
