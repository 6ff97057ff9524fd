"""Batch norms are taken in by the convolutions before them where these have no other reader."""

import numpy as np
import pytest
import torch
from torch import nn

from tvm_srq.graph.graph import Graph, PictureFormat
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.sources.batch_norms import BatchNorm, fold_batch_norms
from tvm_srq.graph.sources.module import graph_of_module


class Normalized(nn.Module):
    """A convolution and a batch norm, applied ``times`` times in a row; with ``both``, the convolution is also read without."""

    def __init__(self, bias: bool = True, times: int = 1, both: bool = False):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 3, padding=1, bias=bias), nn.BatchNorm2d(3)
        self.times, self.both = times, both
        torch.manual_seed(0)
        for values in (self.norm.running_mean, self.norm.weight.data, self.norm.bias.data):
            values.normal_()
        self.norm.running_var.uniform_(0.5, 2)

    def forward(self, x):
        for _ in range(self.times):
            made = self.conv(x)
            x = self.norm(made) + made if self.both else self.norm(made)
        return x


def graph_of(network: nn.Module) -> Graph:
    """The network's graph, which computes what the network does."""
    graph, picture = graph_of_module(network.eval(), PictureFormat()), torch.rand(1, 3, 9, 11)
    with torch.no_grad():
        torch.testing.assert_close(GraphNetwork(graph)(picture), network(picture))
    return graph


@pytest.mark.parametrize("bias", [True, False])
def test_it_is_in_weight_and_bias_to_the_bit(bias):
    network = Normalized(bias)
    graph = graph_of(network)
    (node,) = graph.nodes
    assert (node.operator, node.name) == ("convolution", "conv")
    norm, (weight, offset) = network.norm, (graph.parameter(node, role) for role in ("weight", "bias"))
    scale = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach()
    before = network.conv.bias if bias else torch.zeros(3)
    assert torch.equal(torch.tensor(weight), network.conv.weight * scale[:, None, None, None])
    assert torch.equal(torch.tensor(offset), (before - norm.running_mean) * scale + norm.bias)
    assert weight.dtype == offset.dtype == np.float32


def test_a_module_applied_again_has_its_parameters_once():
    graph = graph_of(Normalized(times=3))
    assert [node.name for node in graph.nodes] == ["conv", "conv@2", "conv@3"]
    assert len({tuple(node.parameters.items()) for node in graph.nodes}) == 1 and len(graph.parameters) == 2


def test_one_kernel_with_two_batch_norms_becomes_two():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.one, self.other = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.BatchNorm2d(3)
            self.other.running_mean.fill_(0.5)

        def forward(self, x):
            return self.other(self.conv(self.one(self.conv(x))))

    graph = graph_of(Branches())
    assert [(node.name, *node.parameters.values()) for node in graph.nodes] == [
        ("conv", "one.weight", "one.bias"), ("conv@2", "other.weight", "other.bias"),
    ]  # fmt: skip


def test_a_convolution_that_others_read_is_left_alone():
    graph = graph_of(Normalized(both=True))
    assert [node.operator for node in graph.nodes] == ["convolution", "affine", "add"]


def test_other_affine_maps_are_left_alone():
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)).eval()
    graph = graph_of(Normalized(both=True))
    assert fold_batch_norms(graph, {}) == graph
    folded = graph_of_module(network, PictureFormat())
    assert fold_batch_norms(folded, {"0": BatchNorm.of(1.0, 0.0, np.zeros(3), np.ones(3), 1e-5)}) == folded
