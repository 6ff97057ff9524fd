"""A graph as the PyTorch module that other runtimes are made from: one layer of torch.nn for each node where there is one.

Converters know these layers and turn them into their runtime's own; sizes follow the picture's, so a module serves any size.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, fx, nn

from peers.convolutions import convolution, transposed
from tvm_srq.graph.graph import PICTURE, Graph, Node
from tvm_srq.operators import OPERATORS
from tvm_srq.operators.resize import MODES

FUNCTIONS: dict[str, Callable[[], nn.Module]] = {
    "sigmoid": nn.Sigmoid, "silu": nn.SiLU, "tanh": nn.Tanh, "gelu": nn.GELU, "gelu_tanh": lambda: nn.GELU("tanh"),
    "hardsigmoid": nn.Hardsigmoid, "hardswish": nn.Hardswish, "mish": nn.Mish, "softplus": nn.Softplus, "elu": nn.ELU,
    "selu": nn.SELU,
}  # fmt: skip


class Operation(nn.Module):
    """A node that torch.nn has no layer for: (picture, inputs) -> its result."""

    def __init__(self, node: Node, graph: Graph):
        super().__init__()
        self.node, self.extent = node, graph.extents[node.name]
        self.roles = tuple(node.parameters)
        for role, key in node.parameters.items():
            self.register_buffer(role, torch.tensor(graph.parameters[key]))

    def forward(self, picture: Tensor, *inputs: Tensor) -> Tensor:
        size = self.extent(picture.shape[2]), self.extent(picture.shape[3])
        parameters = {role: self.get_buffer(role) for role in self.roles}
        return OPERATORS[self.node.operator].run(self.node, list(inputs), parameters, size)

    def extra_repr(self) -> str:
        return self.node.operator


def float_module(graph: Graph) -> fx.GraphModule:
    """(N, C, H, W) -> (N, C, scale * H, scale * W), float32, as the graph wants pictures."""
    return Writer(graph).module().eval().requires_grad_(False)


class Writer:
    """Writes a graph node by node; ``values`` are the results so far, ``splits`` the values parted by channels."""

    def __init__(self, graph: Graph):
        self.graph, self.made, self.root = graph, fx.Graph(), nn.Module()
        self.root.add_module("layers", nn.ModuleList())
        self.values = {PICTURE: self.made.placeholder("picture")}
        self.splits: dict[str, fx.Node] = {}

    def module(self) -> fx.GraphModule:
        whole = self.fused()
        for node in self.graph.nodes:
            if node.name not in self.values and node.name not in whole:
                self.values[node.name] = self.write(node)
        self.made.output(self.values[self.graph.output])
        return fx.GraphModule(self.root, self.made)

    def fused(self) -> set[str]:
        """Nodes that are written with the one that alone reads them; ``chains`` are found by the last."""
        self.chains: dict[str, tuple[nn.Module, str]] = {}
        fused = set()
        for node in self.graph.nodes:
            inner = self.before(node, "convolution") if node.operator in ("subsample", "pixel_shuffle") else None
            pad = self.before(inner or node, "pad", mode="zeros") if (inner or node).operator == "convolution" else None
            layer = self.layer(inner or node, pad, node) if inner or pad else None
            if layer is not None:
                self.chains[node.name] = layer, (pad or inner or node).inputs[0]
                fused |= {each.name for each in (inner, pad) if each is not None}
        return fused

    def before(self, node: Node, operator: str, **attributes: str) -> Node | None:
        """The node that a node reads alone, if it is of that operator."""
        source = self.graph.by_name.get(node.inputs[0])
        if source is None or source.operator != operator or len(self.graph.readers[source.name]) != 1:
            return None
        return source if all(source.attributes[key] == value for key, value in attributes.items()) else None

    def layer(self, node: Node, pad: Node | None = None, behind: Node | None = None) -> nn.Module | None:
        """A convolution's layer, with the border before it and the node behind it; None where they are none together."""
        weight, bias, groups = *(self.graph.parameter(node, role) for role in ("weight", "bias")), node.attributes["groups"]
        assert weight is not None
        if behind is not None and behind.operator == "pixel_shuffle":
            return None if pad else transposed(weight, bias, groups, behind.attributes["factor"])
        places = behind.attributes if behind is not None and behind is not node else {}
        border = (pad.attributes["before"], pad.attributes["after"]) if pad else (0, 0)
        return convolution(weight, bias, groups, **places, border=border)

    def write(self, node: Node) -> fx.Node:
        if node.name in self.chains:
            layer, source = self.chains[node.name]
            return self.call(layer, [source])
        special = getattr(self, node.operator, None)
        if special is not None:
            return special(node)
        return self.operation(node)

    def call(self, layer: nn.Module | None, inputs: Sequence[str]) -> fx.Node:
        """A layer applied to values."""
        assert layer is not None
        layers = self.root.get_submodule("layers")
        assert isinstance(layers, nn.ModuleList)
        layers.append(layer)
        return self.made.call_module(f"layers.{len(layers) - 1}", tuple(self.values[name] for name in inputs))

    def operation(self, node: Node) -> fx.Node:
        return self.call(Operation(node, self.graph), (PICTURE, *node.inputs))

    def constant(self, node: Node, role: str) -> fx.Node | float:
        """An affine node's parameter: a number where all channels have the same."""
        values = self.graph.parameters[node.parameters[role]].astype(np.float32)
        if np.ptp(values) == 0:
            return float(values.reshape(-1)[0])
        name = f"constant_{len(list(self.root.buffers(recurse=False)))}"
        self.root.register_buffer(name, torch.tensor(values).reshape(1, -1, 1, 1))
        return self.made.get_attr(name)

    # operators by their names
    def convolution(self, node: Node) -> fx.Node:
        return self.call(self.layer(node), node.inputs)

    def affine(self, node: Node) -> fx.Node:
        """A product, a sum, or both: what is 1 or 0 is left out."""
        result = self.values[node.inputs[0]]
        factor, offset = self.constant(node, "multiplier"), self.constant(node, "offset")
        if factor != 1.0:
            result = self.made.call_function(torch.mul, (result, factor))
        return result if offset == 0.0 else self.made.call_function(torch.add, (result, offset))

    def add(self, node: Node) -> fx.Node:
        return self.made.call_function(torch.add, tuple(self.values[name] for name in node.inputs))

    def multiply(self, node: Node) -> fx.Node:
        return self.made.call_function(torch.mul, tuple(self.values[name] for name in node.inputs))

    def concat(self, node: Node) -> fx.Node:
        return self.made.call_function(torch.cat, ([self.values[name] for name in node.inputs], 1))

    def select(self, node: Node) -> fx.Node:
        """One split where a value is parted into runs of channels; else what the node says."""
        source = node.inputs[0]
        parts = sorted(reader.attributes["channels"] for reader in self.graph.readers[source] if reader.operator == "select")
        if sum(parts, []) != list(range(self.graph.channels[source])):
            return self.operation(node)
        if source not in self.splits:
            self.splits[source] = self.made.call_function(torch.split, (self.values[source], [*map(len, parts)], 1))
        place = parts.index(node.attributes["channels"])
        return self.made.call_function(operator.getitem, (self.splits[source], place))

    def prelu(self, node: Node) -> fx.Node:
        slope = self.graph.parameters[node.parameters["slope"]]
        if np.ptp(slope) == 0:
            value = float(slope.reshape(-1)[0])
            return self.call(nn.ReLU() if value == 0 else nn.LeakyReLU(value), node.inputs)
        layer = nn.PReLU(len(slope))
        layer.weight.data.copy_(torch.tensor(slope))
        return self.call(layer, node.inputs)

    def clamp(self, node: Node) -> fx.Node:
        low, high = node.attributes.get("low"), node.attributes.get("high")
        if low is not None and high is not None:
            return self.call(nn.ReLU6() if (low, high) == (0, 6) else nn.Hardtanh(low, high), node.inputs)
        return self.made.call_function(torch.clamp, (self.values[node.inputs[0]], low, high))

    def function(self, node: Node) -> fx.Node:
        layer = FUNCTIONS.get(node.attributes["function"])
        return self.operation(node) if layer is None else self.call(layer(), node.inputs)

    def pixel_shuffle(self, node: Node) -> fx.Node:
        return self.call(nn.PixelShuffle(node.attributes["factor"]), node.inputs)

    def pixel_unshuffle(self, node: Node) -> fx.Node:
        return self.call(nn.PixelUnshuffle(node.attributes["factor"]), node.inputs)

    def nearest(self, node: Node) -> fx.Node:
        return self.call(nn.Upsample(scale_factor=float(node.attributes["factor"]), mode="nearest"), node.inputs)

    def resize(self, node: Node) -> fx.Node:
        """By a whole factor where it is one; else to a size that follows the picture's."""
        before, after = (self.graph.extents[name] for name in (node.inputs[0], node.name))
        factor = next((factor for factor in range(1, 17) if before.then(factor) == after), None)
        if factor is None or node.attributes["coordinates"] == "asymmetric":  # which PyTorch's module does not have
            return self.operation(node)
        align = node.attributes["coordinates"] == "align_corners"
        mode = MODES[node.attributes["mode"]]
        return self.call(nn.Upsample(scale_factor=float(factor), mode=mode, align_corners=align), node.inputs)

    def max_pool(self, node: Node) -> fx.Node:
        kernel, stride, padding = (node.attributes[name] for name in ("kernel", "stride", "padding"))
        return self.call(nn.MaxPool2d(kernel, stride, padding), node.inputs)

    def average_pool(self, node: Node) -> fx.Node:
        kernel, stride, padding = (node.attributes[name] for name in ("kernel", "stride", "padding"))
        return self.call(nn.AvgPool2d(kernel, stride, padding), node.inputs)
