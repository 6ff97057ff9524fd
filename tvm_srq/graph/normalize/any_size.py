"""Networks that work on multiples of a number of rows and columns only, made to work on any by borders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tvm_srq.extent import Extent
from tvm_srq.graph.builder import whole_scale
from tvm_srq.graph.graph import PICTURE, Graph, Node
from tvm_srq.operators import OPERATORS
from tvm_srq.operators.float_program import FloatProgram

MULTIPLES = range(2, 65)


def without_unused(graph: Graph, output: str | None = None) -> Graph:
    """The graph up to its output (the last node, where none is given), without nodes and parameters that it does not need."""
    needed, kept = {output or graph.output}, []
    for node in reversed(graph.nodes):
        if node.name in needed:
            needed |= set(node.inputs)
            kept.append(node)
    nodes = tuple(reversed(kept))
    keys = {key for node in nodes for key in node.parameters.values()}
    return replace(graph, nodes=nodes, parameters={key: value for key, value in graph.parameters.items() if key in keys})


def for_any_size(graph: Graph) -> Graph:
    """The graph itself where it multiplies all sizes; else one that pads pictures to the multiple it needs, and crops the output.

    A graph that no multiple helps is returned as it is.
    """
    if not graph.nodes or (whole_scale(graph.extents[graph.output], graph.smallest) and fits(graph, range(61, 125))):
        return graph
    for multiple in MULTIPLES:
        scale = scale_at(graph, multiple)
        if scale and fits(graph, range(multiple, 65 * multiple, multiple)):
            return padded(graph, multiple, scale)
    return graph


def scale_at(graph: Graph, multiple: int) -> int:
    """What the graph multiplies every multiple of a number by, or 0."""
    extent = graph.extents[graph.output]
    scale = extent(997 * multiple) // (997 * multiple)
    return scale if all(extent(n * multiple) == scale * n * multiple for n in range(1, 129)) else 0


def fits(graph: Graph, sizes: Iterable[int]) -> bool:
    """Whether rows and columns are whole where pixels become channels, and as many where values meet."""
    return all(fits_at(graph, node, size) for size in sizes for node in graph.nodes)


def fits_at(graph: Graph, node: Node, size: int) -> bool:
    extents = [graph.extents[name] for name in node.inputs]
    if node.operator == "pixel_unshuffle":
        return extents[0](size) % node.attributes["factor"] == 0
    if isinstance(operator := OPERATORS[node.operator], FloatProgram):
        return operator.fits(node, graph, size)
    if node.operator in ("add", "multiply", "concat"):
        return len({extent(size) for extent in extents if not extent.one}) <= 1
    return True


def padded(graph: Graph, multiple: int, scale: int) -> Graph:
    """The graph behind a border below and to the right that repeats the last pixels, and its output without what this became."""
    names = {node.name for node in graph.nodes}
    front, back = unused("picture.padded", names), unused("picture.cropped", names)
    pad = Node(front, "pad_to_multiple", (PICTURE,), {"mode": "replicate", "multiple": multiple})
    terms = [[1, multiple - 1, multiple], [multiple, 0, 1]]

    def moved(node: Node) -> Node:
        inputs = tuple(front if name == PICTURE else name for name in node.inputs)
        attributes = dict(node.attributes)
        if "extent" in attributes:
            # sizes said of the picture are now said of the padded one
            extent = Extent.of(terms)
            for term in attributes["extent"]:
                extent = extent.then(*term)
            attributes["extent"] = [list(term) for term in extent.terms]
        return replace(node, inputs=inputs, attributes=attributes)

    crop = Node(back, "crop", (graph.output,), {"start": 0, "extent": [[scale, 0, 1]]})
    note = f"{graph.description}; pictures are padded to multiples of {multiple}"
    return replace(graph, nodes=(pad, *map(moved, graph.nodes), crop), description=note)


def unused(name: str, names: set[str]) -> str:
    return name if name not in names else unused(f"{name}_", names)
