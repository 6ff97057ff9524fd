"""Flat pictures in saturated colours beside the photographs: ranges have to hold what colours drive activations to.

Photographs hardly have saturated colours. Ranges fitted to those alone clip what such colours need, most of all in the last
convolutions' inputs, where activations carry the colour; 17 grey levels on EDSR. There is room for both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tvm_srq.data.pictures import in_grey
from tvm_srq.graph.graph import PICTURE, Graph
from tvm_srq.graph.network import GraphNetwork, as_batch
from tvm_srq.quant.reports.flat_colours import colours_for, middle_colours
from tvm_srq.quant.reports.sensitivity import quantized_layer
from tvm_srq.quant.statistics.observers import Observer
from tvm_srq.quant.walk import Walk
from tvm_srq.spec import QuantSpec
from tvm_srq.stress.collection import Part
from tvm_srq.stress.colours import squares

SIDE = 16  # rows and columns
LEVELS = (0, 85, 170, 255)  # of every channel


@dataclass(frozen=True)
class Reached:
    """What saturated colours drive a network's values to.

    Attributes:
        extremes: of every value by channel; observers without samples.
        largest: the largest magnitude of every value.
        levels: (N, C) of every value, by picture, far from its border.
    """

    extremes: dict[str, Observer]
    largest: dict[str, float]
    levels: dict[str, NDArray[np.float32]]

    def moments(self, value: str, kernel: int) -> NDArray[np.float32]:
        """(C * kernel * kernel) squared: mean second moments of a value's patches."""
        patches = np.repeat(self.levels[value], kernel * kernel, 1)
        return np.asarray(patches.T @ patches / len(patches), np.float32)


def flat_inputs(graph: Graph) -> Tensor:
    """(N, C, H, W) network inputs: a picture of one colour for every combination of LEVELS, 64, or of the greys they are."""
    side, colours = max(SIDE, graph.smallest), colours_for(graph.picture.channels, LEVELS)
    return torch.cat([as_batch(np.full((side, side, len(colour)), colour), graph) for colour in colours])


def squares_input(graph: Graph, side: int) -> Tensor:
    """(1, C, side, side) network input: squares of saturated colours beside each other."""
    drawn = squares(side, np.random.default_rng(Part.FIT.value))
    return as_batch(drawn if graph.picture.channels == 3 else in_grey(drawn), graph)


@torch.no_grad()
def reached_by(network: GraphNetwork, batch: Tensor) -> Reached:
    """Run network inputs, all at once."""
    values, extremes, levels = {PICTURE: batch}, {PICTURE: extremes_of(batch)}, {PICTURE: centres_of(batch)}
    for position, node in enumerate(network.graph.nodes):
        values = network.advance(values, position, position + 1)
        extremes[node.name], levels[node.name] = extremes_of(values[node.name]), centres_of(values[node.name])
    largest = {name: max(seen.maximum, -seen.minimum) for name, seen in extremes.items()}
    return Reached(extremes, largest, levels)


def extremes_of(value: Tensor) -> Observer:
    return Observer(value.amin((0, 2, 3)).numpy(), value.amax((0, 2, 3)).numpy())


def centres_of(value: Tensor) -> NDArray[np.float32]:
    return value[:, :, value.shape[2] // 2, value.shape[3] // 2].numpy()


@torch.no_grad()
def colour_shifts(network: GraphNetwork, spec: QuantSpec, flat: Tensor, weights: bool = True) -> dict[str, float]:
    """By layer, by how many grey levels it shifts the worst flat colour when it alone, or its input alone, is quantized."""
    picture = network.graph.picture
    exact, walk, shifts = middle_colours(network(flat), picture), Walk(network, [flat]), {}
    position_of = {node.name: position for position, node in enumerate(network.graph.nodes)}
    for name, layer in spec.layers.items():
        walk.go_on(position_of[name])
        with quantized_layer(network.convolution(name), layer, weights=weights):
            (output,) = walk.finished()
        shifts[name] = float((middle_colours(output, picture) - exact).abs().max())
    return shifts
