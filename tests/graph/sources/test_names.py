"""What nodes of PyTorch modules are called, and whose parameters they have."""

import torch
from torch import nn
from torch.nn import functional

from tvm_srq.graph.builder import GraphBuilder
from tvm_srq.graph.graph import PICTURE, PictureFormat
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.sources.module import graph_of_module


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution, self.norm, self.act = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.PReLU(3)

    def forward(self, x):
        return self.act(self.norm(self.convolution(x))) + x


def graph_of(module):
    return graph_of_module(module.eval(), PictureFormat(), smallest=4)


def test_nodes_are_called_as_the_modules_that_they_come_from():
    graph = graph_of(nn.Sequential(Block(), nn.Upsample(scale_factor=2)))
    assert [node.name for node in graph.nodes] == ["0.convolution", "0.act", "0.add", "1.upsample_nearest2d"]


def test_a_module_applied_again_has_one_set_of_weights():
    block = Block()
    graph = graph_of(nn.Sequential(block, block))
    assert [node.name for node in graph.nodes] == [
        "1.convolution", "1.act", "0.add", "1.convolution@2", "1.act@2", "1.add"
    ]  # fmt: skip
    for first, again in zip(graph.nodes[:3], graph.nodes[3:], strict=True):
        assert first.parameters == again.parameters
    assert set(graph.parameters) == {"1.convolution.weight", "1.convolution.bias", "1.act.slope"}


def test_a_batch_norm_that_stays_is_called_as_its_module():
    block = nn.Sequential(nn.PReLU(3), nn.BatchNorm2d(3))
    graph = graph_of(nn.Sequential(block, block))
    assert [node.name for node in graph.nodes] == ["1.0", "1.1", "1.0@2", "1.1@2"]
    assert set(graph.parameters) == {"1.0.slope", "1.1.multiplier", "1.1.offset"}


def test_weights_computed_from_parameters_are_called_as_their_module():
    class Merged(nn.Module):
        """A convolution of two kernels added up whenever it runs."""

        def __init__(self):
            super().__init__()
            self.one, self.other = nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 1)

        def forward(self, x):
            weight = self.one.weight + functional.pad(self.other.weight, (1, 1, 1, 1))
            return functional.conv2d(x, weight, self.one.bias, padding=1)

    module = nn.Sequential(Merged())
    graph = graph_of(module)
    assert [node.name for node in graph.nodes] == ["0"]
    expected = module[0].one.weight.detach().clone()
    expected[:, :, 1:2, 1:2] += module[0].other.weight.detach()
    torch.testing.assert_close(torch.tensor(graph.parameters["0.weight"]), expected)


def test_convolutions_have_names_that_submodules_can_have():
    builder = GraphBuilder()
    weight = torch.zeros(3, 3, 1, 1).numpy()
    value = PICTURE
    for name in ("picture", "scale", "forward", "a", "a.b", "c.d", "c", "c.d", ""):
        value = builder.convolution(name, value, weight, None)
    names = [node.name for node in builder.nodes]
    assert names == ["picture@2", "scale_", "forward_", "a", "a_b", "c.d", "c_", "c.d@2", "_"]
    network = GraphNetwork(builder.build(PictureFormat(), value))
    assert all(isinstance(network.get_submodule(name), nn.Conv2d) for name in names)


def test_modules_are_left_in_the_mode_they_were_in():
    module = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Dropout())
    module[0].eval()
    module.training = True
    graph_of_module(module, PictureFormat(), smallest=4)
    assert (module.training, module[0].training, module[1].training) == (True, False, True)
