"""A seeded small network and pictures: what tests of the quantizer run on."""

from functools import cache

import numpy as np
import torch

from tvm_srq.data.pictures import write_picture
from tvm_srq.graph.graph import Graph
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


def small_pictures(folder, count: int = 4, side: int = 32):
    """Smooth random pictures, written into ``folder``."""
    generator = np.random.default_rng(0)
    for index in range(count):
        coarse = generator.integers(0, 256, (side // 8, side // 8, 3))
        write_picture(folder / f"{index}.png", coarse.repeat(8, 0).repeat(8, 1).astype(np.uint8))
    return folder
