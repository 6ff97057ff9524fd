"""A graph as a PyTorch module: what calibration, sensitivity and finetuning run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tvm_srq.data.pictures import require_picture
from tvm_srq.graph.graph import PICTURE, Graph, Node
from tvm_srq.operators import OPERATORS

Values = dict[str, Tensor]


class GraphNetwork(nn.Module):
    """Runs a graph: (N, channels, H, W) float32 as the network wants pictures -> (N, channels, scale * H, scale * W).

    Convolutions are submodules by their nodes' names, so that what quantizes can observe and replace them; the parameters of
    all other nodes are buffers, ``/`` for ``.`` in their names. Nothing takes gradients until it is asked to.
    """

    def __init__(self, graph: Graph):
        super().__init__()
        self.graph = graph
        for node in graph.nodes:
            if node.operator == "convolution":
                add_submodule(self, node.name, convolution_module(graph, node))
        for key in other_parameters(graph):
            self.register_buffer(key.replace(".", "/"), torch.tensor(graph.parameters[key]), persistent=True)
        self.last_use = last_uses(graph)
        self.requires_grad_(False)
        self.eval()

    def forward(self, picture: Tensor) -> Tensor:
        return self.finish({PICTURE: picture}, 0)

    def advance(self, values: Values, start: int, stop: int) -> Values:
        """Run nodes ``start`` .. ``stop - 1``; ``values`` is left as it was.

        Returns:
            The values that nodes from ``stop`` on read, the picture too, which sizes refer to.
        """
        values = dict(values)
        for position in range(start, stop):
            node = self.graph.nodes[position]
            values[node.name] = self.run_node(node, values)
            for name in self.last_use[position]:
                del values[name]
        return values

    def finish(self, values: Values, start: int) -> Tensor:
        """The output, from the values that nodes from ``start`` on read."""
        return self.advance(values, start, len(self.graph.nodes))[self.graph.output]

    def run_node(self, node: Node, values: Mapping[str, Tensor]) -> Tensor:
        """One node's result."""
        inputs = [values[name] for name in node.inputs]
        if node.operator == "convolution":
            return self.get_submodule(node.name)(inputs[0])
        parameters = {role: self.get_parameter_of(key) for role, key in node.parameters.items()}
        extent, picture = self.graph.extents[node.name], values[PICTURE]
        size = extent(picture.shape[2]), extent(picture.shape[3])
        return OPERATORS[node.operator].run(node, inputs, parameters, size)

    def get_parameter_of(self, key: str) -> Tensor:
        """A parameter of a node that is no convolution, by its key in the graph."""
        value = getattr(self, key.replace(".", "/"))
        assert isinstance(value, Tensor)
        return value

    def train_parameter(self, key: str) -> None:
        """Let such a parameter take gradients."""
        name = key.replace(".", "/")
        if name in self._buffers:
            value = self._buffers.pop(name)
            assert value is not None
            self.register_parameter(name, nn.Parameter(value))

    def convolution(self, name: str) -> nn.Conv2d:
        """A convolution by its node's name."""
        module = self.get_submodule(name)
        assert isinstance(module, nn.Conv2d)
        return module

    # how pictures go in and come out, as the graph says
    @property
    def scale(self) -> int:
        return self.graph.scale

    @property
    def channels(self) -> int:
        return self.graph.picture.channels


def convolution_module(graph: Graph, node: Node) -> nn.Conv2d:
    """A node's convolution with its weights and bias."""
    weight, bias = graph.parameter(node, "weight"), graph.parameter(node, "bias")
    assert weight is not None
    outputs, inputs, kernel, _ = weight.shape
    groups = node.attributes["groups"]
    module = nn.Conv2d(inputs * groups, outputs, kernel, padding=kernel // 2, groups=groups, bias=bias is not None)
    with torch.no_grad():
        module.weight.copy_(torch.tensor(weight))
        if bias is not None:
            module.bias.copy_(torch.tensor(bias))  # type: ignore[union-attr]
    return module


def add_submodule(root: nn.Module, name: str, module: nn.Module) -> None:
    """Put a module at a dotted name, making the modules on the way."""
    *path, last = name.split(".")
    for part in path:
        if not hasattr(root, part):
            root.add_module(part, nn.Module())
        root = getattr(root, part)
    root.add_module(last, module)


def other_parameters(graph: Graph) -> Iterable[str]:
    """Keys of the parameters of all nodes but convolutions, once each."""
    keys = (key for node in graph.nodes if node.operator != "convolution" for key in node.parameters.values())
    return dict.fromkeys(keys)


def last_uses(graph: Graph) -> list[list[str]]:
    """For every node, the values that it is the last to read; the output and the picture are none of them."""
    position = {name: index for index, node in enumerate(graph.nodes) for name in node.inputs}
    result: list[list[str]] = [[] for _ in graph.nodes]
    for name, index in position.items():
        if name not in (PICTURE, graph.output):
            result[index].append(name)
    return result


def as_batch(picture: NDArray[np.uint8], graph: Graph) -> Tensor:
    """(H, W, C) uint8 -> (1, C, H, W) float32 as the network wants it.

    Raises:
        UserError: the picture is smaller than the network works on, or has other channels.
    """
    require_picture(picture, graph.picture.channels, graph.smallest)
    batch = torch.tensor(picture).permute(2, 0, 1)[None].float()
    return batch * (graph.picture.white / 255.0)


def to_picture(output: Tensor, output_range: tuple[float, float]) -> Tensor:
    """Map a network's float output, of these values for black and white, to 0..255, rounded half to even: uint8, same shape."""
    black, white = output_range
    return ((output - black) * (255.0 / (white - black))).round().clamp(0, 255).to(torch.uint8)
