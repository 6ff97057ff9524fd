"""Functions that are spelled as products: SiLU, Hardswish, Mish, both GELUs, squares; and Hardsigmoid as a clamp."""

from __future__ import annotations

import math
from collections.abc import Callable

from tvm_srq.graph.graph import Graph, Node
from tvm_srq.graph.normalize.patterns import made_by, near, product, rewritten, scalars, scaled


def with_whole_functions(graph: Graph) -> Graph:
    """The graph with one node for each function that it spells in several."""
    for match in (hard_sigmoid, square, gated):
        graph = rewritten(graph, match)
    return graph


def function(name: str, source: str) -> Node:
    return Node("", "function", (source,), {"function": name})


def square(graph: Graph, node: Node) -> Node | None:
    """``x * x``."""
    return function("square", node.inputs[0]) if node.operator == "multiply" and node.inputs[0] == node.inputs[1] else None


def hard_sigmoid(graph: Graph, node: Node) -> Node | None:
    """``clamp(x / 6 + 1 / 2, 0, 1)``, or ``clamp(x + 3, 0, 6) / 6``."""
    factor, name = scaled(graph, node.name)
    clamp = made_by(graph, name, "clamp")
    inner = clamp and scalars(graph, clamp.inputs[0])
    if not clamp or not inner or clamp.attributes.get("low") != 0 or not clamp.attributes.get("high"):
        return None
    high = clamp.attributes["high"]
    fits = near(factor * high, 1) and near(factor * inner[0], 1 / 6) and near(factor * inner[1], 1 / 2)
    return function("hardsigmoid", inner[2]) if fits else None


def gated(graph: Graph, node: Node) -> Node | None:
    """``x`` times something that is a function of it."""
    if node.operator not in ("multiply", "affine"):
        return None
    found = product(graph, node.name)
    if found is None:
        return None
    factor, *sides = found
    for x, gate in (sides, sides[::-1]):
        for name, wanted, matches in GATES:
            if matches(graph, x, gate, factor) if wanted is None else near(factor, wanted) and matches(graph, x, gate, factor):
                return function(name, x)
    return None


def of_function(name: str) -> Callable[[Graph, str, str, float], bool]:
    """Whether a gate is a function of x itself."""

    def matches(graph: Graph, x: str, gate: str, _: float) -> bool:
        made = made_by(graph, gate, "function", name)
        return made is not None and made.inputs[0] == x

    return matches


def hard_gate(graph: Graph, x: str, gate: str, factor: float) -> bool:
    """``factor * clamp(x + 3, 0, 6)`` with a factor of 1/6."""
    clamp = made_by(graph, gate, "clamp")
    inner = clamp and scalars(graph, clamp.inputs[0])
    if not clamp or not inner or clamp.attributes.get("low") != 0 or clamp.attributes.get("high") != 6:
        return False
    return near(factor, 1 / 6) and inner[0] == 1 and inner[1] == 3 and inner[2] == x


def mish_gate(graph: Graph, x: str, gate: str, _: float) -> bool:
    """``tanh(softplus(x))``."""
    outer = made_by(graph, gate, "function", "tanh")
    inner = outer and made_by(graph, outer.inputs[0], "function", "softplus")
    return bool(inner) and inner.inputs[0] == x  # type: ignore[union-attr]


def half_of_one_plus(graph: Graph, gate: str, factor: float, name: str) -> str | None:
    """The argument u where ``factor * gate`` is ``(1 + name(u)) / 2``."""
    outer = scalars(graph, gate)
    inner = outer and made_by(graph, outer[2], "function", name)
    if not outer or not inner or not near(factor * outer[0], 0.5) or not near(factor * outer[1], 0.5):
        return None
    return inner.inputs[0]


def gelu_gate(graph: Graph, x: str, gate: str, factor: float) -> bool:
    """``(1 + erf(x / sqrt(2))) / 2``."""
    argument = half_of_one_plus(graph, gate, factor, "erf")
    if argument is None:
        return False
    inner, source = scaled(graph, argument)
    return source == x and near(inner, math.sqrt(0.5))


def gelu_tanh_gate(graph: Graph, x: str, gate: str, factor: float) -> bool:
    """``(1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3))) / 2``."""
    argument = half_of_one_plus(graph, gate, factor, "tanh")
    if argument is None:
        return False
    inner, source = scaled(graph, argument)
    total = made_by(graph, source, "add")
    if total is None or not near(inner, math.sqrt(2 / math.pi)):
        return False
    for first, second in (total.inputs, total.inputs[::-1]):
        cube = product(graph, second)
        if first == x and cube is not None and near(cube[0], 0.044715) and is_cube(graph, x, *cube[1:]):
            return True
    return False


def is_cube(graph: Graph, x: str, first: str, second: str) -> bool:
    """Whether a product is x ** 2 times x."""
    for one, two in ((first, second), (second, first)):
        made = made_by(graph, two, "function", "square")
        if one == x and made is not None and made.inputs[0] == x:
            return True
    return False


GATES: tuple[tuple[str, float | None, Callable[[Graph, str, str, float], bool]], ...] = (
    ("silu", 1.0, of_function("sigmoid")),
    ("hardswish", 1.0, of_function("hardsigmoid")),
    ("hardswish", None, hard_gate),
    ("mish", 1.0, mish_gate),
    ("gelu", None, gelu_gate),
    ("gelu_tanh", None, gelu_tanh_gate),
)
"""The function, the factor that its product has (None: the gate looks at it), and whether a gate is this function's."""
