"""Graphs in a few lines: seeded convolutions and what lies between them."""

import numpy as np

from tvm_srq.graph.builder import GraphBuilder
from tvm_srq.graph.graph import Graph, PictureFormat


class Sketch:
    """A graph in the making; every method returns the name of the value it adds.

    Args:
        width: channels of values, unless said otherwise.
    """

    def __init__(self, width: int = 4, seed: int = 0, picture_channels: int = 3):
        self.width, self.generator = width, np.random.default_rng(seed)
        self.builder = GraphBuilder(picture_channels)

    def convolution(self, name: str, source: str, outputs: int | None = None, kernel: int = 3, like: str | None = None) -> str:
        """``like``: a convolution whose parameters it has."""
        if like is not None:
            parameters = self.builder.by_name[like].parameters
            return self.builder.add("convolution", name, [source], {"groups": 1}, **parameters)
        inputs, outputs = self.builder.channels[source], outputs or self.width
        weight = self.generator.standard_normal((outputs, inputs, kernel, kernel)) / np.sqrt(inputs * kernel**2)
        bias = 0.1 * self.generator.standard_normal(outputs)
        border = (kernel // 2,) * 4
        return self.builder.convolution(name, source, weight.astype(np.float32), bias.astype(np.float32), padding=border)

    def node(self, operator: str, *sources: str, **attributes: object) -> str:
        return self.builder.add(operator, operator, sources, attributes)

    def add(self, *sources: str) -> str:
        return self.node("add", *sources)

    def concat(self, *sources: str) -> str:
        return self.node("concat", *sources)

    def nearest(self, source: str, factor: int = 2) -> str:
        return self.node("nearest", source, factor=factor)

    def relu(self, source: str, slope: float = 0.0) -> str:
        return self.builder.prelu(f"{source}.relu", source, slope)

    def activated(self, name: str, source: str, outputs: int | None = None) -> str:
        """A convolution and a leaky ReLU."""
        return self.relu(self.convolution(name, source, outputs), 0.1)

    def dense(self, name: str, source: str, layers: int = 2) -> str:
        """Concatenations grow by a convolution each; a further one fuses them, and the input is added."""
        grown = source
        for index in range(layers):
            grown = self.concat(grown, self.activated(f"{name}.{index}", grown))
        return self.add(self.convolution(f"{name}.fuse", grown), source)

    def build(self, source: str, smallest: int = 1) -> Graph:
        """A last convolution makes the picture, ``last``; no output is clipped for pictures of 0..1."""
        last = self.convolution("last", source, self.builder.picture_channels)
        picture = PictureFormat(self.builder.picture_channels, 1.0, (-2.0, 2.0))
        return self.builder.build(picture, last, smallest)
