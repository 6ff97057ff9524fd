"""What has no integer meaning becomes float nodes, which say why; what has some stays in integers around them."""

import pytest
import torch
from float_modules import NAMES, network_of

from tvm_srq.graph.graph import PictureFormat, why_float
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.sources.module import graph_of_module


@pytest.mark.parametrize("name", NAMES)
def test_layers_are_one_float_node_each(name):
    network = network_of(name)
    graph = graph_of_module(network, PictureFormat(), smallest=8, size_hint=(29, 35))
    (node,) = graph.without_integers
    assert node.operator == "float" and "in 1 (" in why_float(node)
    picture = torch.rand(2, 3, 21, 34)
    with torch.no_grad():
        expected = torch.cat([network(each[None]) for each in picture])
        torch.testing.assert_close(GraphNetwork(graph)(picture), expected, rtol=1e-4, atol=1e-5)


def test_shifts_are_in_integers():
    graph = graph_of_module(network_of("shifted windows"), PictureFormat(), smallest=8, size_hint=(29, 35))
    moved = [dict(node.attributes) for node in graph.nodes if node.operator == "roll"]
    assert moved == [{"rows": -2, "columns": -2}, {"rows": 2, "columns": 2}]


def test_gradients_go_through():
    graph = graph_of_module(network_of("between channels"), PictureFormat(), smallest=8, size_hint=(29, 35))
    picture = torch.rand(1, 3, 12, 16, requires_grad=True)
    GraphNetwork(graph)(picture).square().sum().backward()
    assert picture.grad is not None and float(picture.grad.abs().max()) > 0
