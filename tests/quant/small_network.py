"""A seeded small network and pictures: what tests of the quantizer run on."""

from dataclasses import replace
from functools import cache

import numpy as np
import torch

from tvm_srq.data.pictures import write_picture
from tvm_srq.graph.graph import Graph, Node
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.models import families
from tvm_srq.models.base import Network
from tvm_srq.networks import graph_of_network

CONFIGURATIONS = {
    "edsr": {"blocks": 2, "features": 8, "scale": 2},
    "srresnet": {"blocks": 2, "features": 8, "scale": 2, "slopes": 8},
}


def small_module(name: str = "edsr", seed: int = 0) -> Network:
    """Two residual blocks of 8 features, x2, random weights, one body channel much larger than the others."""
    torch.manual_seed(seed)
    family = next(family for family in families() if family.name == name)
    network = family.build(**CONFIGURATIONS[name]).eval()
    network.family, network.config = name, CONFIGURATIONS[name]
    with torch.no_grad():
        network.head[0].weight[3] *= 6
    return network


@cache
def small_graph(name: str = "edsr", seed: int = 0) -> Graph:
    """The graph of :func:`small_module`; its nodes are called as the modules."""
    return graph_of_network(small_module(name, seed))


def small_network(name: str = "edsr", seed: int = 0) -> GraphNetwork:
    """The network of :func:`small_graph`, a new one each time."""
    return GraphNetwork(small_graph(name, seed))


def with_batch_norm(graph: Graph, reader: str) -> Graph:
    """The graph with factors and offsets of their own before a node, ``READER.norm``, as batch norms that stay nodes are."""
    node, channels = graph.node(reader), graph.channels[reader]
    name = f"{reader}.norm"
    values = {"multiplier": np.linspace(0.9, 1.1, channels), "offset": np.linspace(-0.1, 0.1, channels)}
    norm = Node(name, "affine", node.inputs, {}, {role: f"{name}.{role}" for role in values})
    nodes = [*graph.nodes]
    nodes[nodes.index(node) : nodes.index(node) + 1] = [norm, replace(node, inputs=(name,))]
    parameters = {**graph.parameters, **{f"{name}.{role}": value for role, value in values.items()}}
    return replace(graph, nodes=tuple(nodes), parameters=parameters)


def small_pictures(folder, count: int = 4, side: int = 32):
    """Smooth random pictures, written into ``folder``."""
    generator = np.random.default_rng(0)
    for index in range(count):
        coarse = generator.integers(0, 256, (side // 8, side // 8, 3))
        write_picture(folder / f"{index}.png", coarse.repeat(8, 0).repeat(8, 1).astype(np.uint8))
    return folder
