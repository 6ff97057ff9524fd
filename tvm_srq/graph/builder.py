"""Building a graph node by node: names, parameters, and the general forms of operators spelled in those that graphs have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import nn

from tvm_srq.errors import UserError
from tvm_srq.extent import Extent
from tvm_srq.graph.bounds import check_bounds
from tvm_srq.graph.graph import PICTURE, Graph, Node, PictureFormat
from tvm_srq.operators import OPERATORS

RESERVED = (
    "scale", "channels", "graph", "last_use", "advance", "finish", "run_node", "convolution", "get_parameter_of",
    "train_parameter",
)  # fmt: skip
"""Attributes of :class:`tvm_srq.graph.network.GraphNetwork`, which has convolutions as submodules, beside those of modules."""
EMPTY = nn.Module()
LARGEST_KERNEL = 511  # rows or columns with its dilation


@dataclass
class GraphBuilder:
    """Collects nodes; every method that adds some returns the name of the value it makes.

    Attributes:
        picture_channels: of the network's input.
        nodes, parameters: so far.
        by_name: the nodes.
        channels, extents: of every value so far, the picture's too.
    """

    picture_channels: int = 3
    nodes: list[Node] = field(default_factory=list)
    parameters: dict[str, NDArray] = field(default_factory=dict)
    by_name: dict[str, Node] = field(default_factory=dict)
    channels: dict[str, int] = field(default_factory=dict)
    extents: dict[str, Extent] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.channels[PICTURE] = self.picture_channels
        self.extents[PICTURE] = Extent()

    def unique(self, name: str) -> str:
        """A name like ``name`` that no value has: ``name@2`` and so on."""
        wanted, count = name, 1
        while wanted in self.channels:
            count += 1
            wanted = f"{name}@{count}"
        return wanted

    def module_path(self, name: str) -> str:
        """A name like ``name`` that a submodule can have: no attribute of modules, in no convolution, with none in it."""
        parts = [f"{part}_" if not part or hasattr(EMPTY, part) else part for part in name.split(".")]
        parts[0] += "_" if parts[0] in RESERVED else ""
        path = self.unique(".".join(parts))
        taken = [node.name for node in self.nodes if node.operator == "convolution"]
        while "." in path and any(path.startswith(f"{other}.") or other.startswith(f"{path}.") for other in taken):
            path = self.unique("_".join(path.rsplit(".", 1)))
        while any(other.startswith(f"{path}.") for other in taken):
            path = self.unique(f"{path}_")
        return path

    def add(
        self, operator: str, name: str, inputs: Sequence[str], attributes: dict[str, Any] | None = None,
        **parameters: ArrayLike | None,
    ) -> str:  # fmt: skip
        """Add a node; arrays are stored once under ``NAME.ROLE``, a string names one that is there already."""
        name = self.module_path(name) if operator == "convolution" else self.unique(name)
        keys = {}
        for role, value in parameters.items():
            if isinstance(value, str):
                keys[role] = value
            elif value is not None:
                keys[role] = f"{name}.{role}"
                self.parameters[keys[role]] = np.ascontiguousarray(value)
        node = self.by_name[name] = Node(name, operator, tuple(inputs), attributes or {}, keys)
        self.nodes.append(node)
        so_far = Graph((), self.parameters, PictureFormat(self.picture_channels), 1)
        self.channels[name] = OPERATORS[operator].channels(node, [self.channels[source] for source in inputs], so_far)
        self.extents[name] = OPERATORS[operator].extent(node, [self.extents[source] for source in inputs])
        return name

    def shared(self, like: str | None, **parameters: ArrayLike | None) -> dict[str, Any]:
        """Parameters for :meth:`add`, by the keys of the node ``like`` where that has the same: a module applied again."""
        keys = {} if like is None else self.by_name[like].parameters
        return {
            role: keys[role] if role in keys and np.array_equal(self.parameters[keys[role]], np.asarray(value)) else value
            for role, value in parameters.items()
        }  # fmt: skip

    def affine(self, name: str, source: str, multiplier: ArrayLike, offset: ArrayLike, like: str | None = None) -> str:
        """``source * multiplier + offset``, (C,) or scalars; float64."""
        multiplier, offset = (np.asarray(value, np.float64).reshape(-1) for value in (multiplier, offset))
        return self.add("affine", name, [source], **self.shared(like, multiplier=multiplier, offset=offset))

    def prelu(self, name: str, source: str, slope: ArrayLike, like: str | None = None) -> str:
        return self.add("prelu", name, [source], **self.shared(like, slope=np.asarray(slope, np.float32).reshape(-1)))

    def clamp(self, name: str, source: str, low: float | None, high: float | None) -> str:
        """ReLU where only 0 bounds it from below."""
        if low == 0 and high is None:
            return self.prelu(name, source, 0.0)
        return self.add("clamp", name, [source], {"low": low, "high": high})

    def select(self, name: str, source: str, channels: Sequence[int]) -> str:
        return self.add("select", name, [source], {"channels": [int(c) for c in channels]})

    def convolution(
        self, name: str, source: str, weight: NDArray, bias: NDArray | None, stride: int = 1, dilation: tuple[int, int] = (1, 1),
        padding: tuple[int, int, int, int] = (0, 0, 0, 0), groups: int = 1, like: str | None = None,
    ) -> str:  # fmt: skip
        """Any convolution with zeros around the map, as one that keeps height and width and what places its pixels.

        Args:
            weight: (O, I / groups, kh, kw).
            padding: rows above, columns to the left, rows below, columns to the right.
            like: the node that has the same parameters, where a module is applied again.

        Raises:
            UserError: rows and columns would be placed differently.
        """
        height, width = ((k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilation, strict=True))
        top, left, bottom, right = padding
        half = max(height, width) // 2
        if half > LARGEST_KERNEL // 2:
            raise UserError(f"layer {name} has a kernel of {height} x {width}: {LARGEST_KERNEL} are the most")
        whole = np.zeros((*weight.shape[:2], 2 * half + 1, 2 * half + 1), np.float32)
        at = tuple(min(max(half - before, 0), 2 * half + 1 - size) for before, size in ((top, height), (left, width)))
        rows, columns = (slice(o, o + size, d) for o, size, d in zip(at, (height, width), dilation, strict=True))
        whole[:, :, rows, columns] = weight
        starts = {half - at[0] - top, half - at[1] - left}
        cuts = {top + bottom - height + 1, left + right - width + 1}
        if len(starts) != 1 or len(cuts) != 1:
            raise UserError(f"layer {name} treats rows and columns differently (padding {padding}, kernel {weight.shape[2:]})")
        start, grown = starts.pop(), cuts.pop()
        if start < 0 or grown > 0:
            more = max(-start, grown)
            source = self.add("pad", f"{name}.padded", [source], {"mode": "zeros", "before": more, "after": more})
            start, grown = start + more, grown - 2 * more
        made = self.add("convolution", name, [source], {"groups": groups}, **self.shared(like, weight=whole, bias=bias))
        cut = -grown - start
        if cut < 0:
            raise UserError(f"layer {name} has borders that cannot be placed (padding {padding}, kernel {weight.shape[2:]})")
        if stride == 1 and start == 0 and cut == 0:
            return made
        return self.add("subsample", f"{name}.pixels", [made], {"start": start, "stride": stride, "cut": cut})

    def transposed_convolution(
        self, name: str, source: str, weight: NDArray, bias: NDArray | None, stride: int, padding: int, output_padding: int,
        groups: int = 1, like: str | None = None,
    ) -> str:  # fmt: skip
        """A transposed convolution as a convolution to stride * stride times as many channels, and a pixel shuffle.

        Output row Y = stride * i + phase sums weight row t of input row i - j where t = phase + padding + stride * j.

        Args:
            weight: (I, O / groups, k, k) as PyTorch has it.

        Raises:
            UserError: the output is no ``stride`` times the input.
        """
        inputs, per_group, kernel, _ = weight.shape
        if kernel - 2 * padding + output_padding != stride:
            raise UserError(f"layer {name} (transposed) does not multiply height and width by its stride {stride}")
        taps = [(phase + padding - t) / stride for phase in range(stride) for t in range(kernel)]
        reach = int(max(abs(tap) for tap in taps if tap == int(tap)))
        outputs = per_group * groups
        whole = np.zeros((outputs, stride, stride, inputs // groups, 2 * reach + 1, 2 * reach + 1), np.float32)
        by_output = weight.reshape(groups, inputs // groups, per_group, kernel, kernel).transpose(0, 2, 1, 3, 4)
        by_output = by_output.reshape(outputs, inputs // groups, kernel, kernel)
        places = [(phase, t, (phase + padding - t) // stride) for phase in range(stride) for t in range(kernel)
                  if (phase + padding - t) % stride == 0]  # fmt: skip
        for row, t, i in places:
            for column, u, j in places:
                whole[:, row, column, :, reach + i, reach + j] = by_output[:, :, t, u]
        wide = whole.reshape(outputs * stride**2, inputs // groups, 2 * reach + 1, 2 * reach + 1)
        bias = None if bias is None else np.repeat(bias, stride**2)
        made = self.add("convolution", name, [source], {"groups": groups}, **self.shared(like, weight=wide, bias=bias))
        return self.add("pixel_shuffle", f"{name}.pixels", [made], {"factor": stride})

    def build(self, picture: PictureFormat, output: str, smallest: int = 1, description: str = "") -> Graph:
        """The graph, without nodes that the output does not need, checked.

        Raises:
            UserError: the output is no whole multiple of the picture, or a node is not what its operator takes.
        """
        needed, kept = {output}, []
        for node in reversed(self.nodes):
            if node.name in needed:
                needed |= set(node.inputs)
                kept.append(node)
        kept.reverse()
        if not kept or kept[-1].name != output:
            raise UserError("the network's output is none of its operations' results")
        keys = {key for node in kept for key in node.parameters.values()}
        parameters = {key: value for key, value in self.parameters.items() if key in keys}
        graph = Graph(tuple(kept), parameters, picture, 1, smallest, description)
        return check(graph)


def check(graph: Graph) -> Graph:
    """The graph with its scale, every node checked.

    Raises:
        UserError: a node is not what its operator takes, or the output is no picture of a whole scale.
    """
    seen: set[str] = {PICTURE}
    for node in graph.nodes:
        if node.operator not in OPERATORS or not set(node.inputs) <= seen or node.name in seen:
            raise UserError(f"node {node.name} ({node.operator}) has no place in the network: update tvm_srq, or quantize again")
        OPERATORS[node.operator].check(node, graph)
        seen.add(node.name)
    check_bounds(graph)
    extent, channels = graph.extents[graph.output], graph.channels[graph.output]
    scale = extent.scale or whole_scale(extent, graph.smallest)
    if scale is None or channels != graph.picture.channels:
        raise UserError(f"the network's output has {channels} channels and extent {extent.terms}: no picture of a whole scale")
    return Graph(graph.nodes, graph.parameters, graph.picture, scale, graph.smallest, graph.description)


def whole_scale(extent: Extent, smallest: int) -> int | None:
    """The whole number that an extent multiplies every length by, seen on many lengths, or None."""
    scale = extent(997) // 997
    return scale if scale > 0 and all(extent(n) == scale * n for n in range(smallest, smallest + 257)) else None
