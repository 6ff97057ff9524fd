"""PyTorch modules as graphs: their operators, checked at sizes other than the exported one, and what is refused."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from tvm_srq.errors import UserError
from tvm_srq.graph.graph import PictureFormat
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.sources.module import graph_of_module


class Between(nn.Module):
    """A convolution, something, and a convolution that makes a picture of twice the size."""

    def __init__(self, something, channels: int = 8):
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(channels, 12, 3, padding=1)
        self.something = something

    def forward(self, x):
        return functional.pixel_shuffle(self.last(self.something(self.first(x))), 2)


KEPT = {
    "relu": nn.ReLU(), "leaky": nn.LeakyReLU(0.1), "prelu": nn.PReLU(8), "relu6": nn.ReLU6(), "hardtanh": nn.Hardtanh(0, 1),
    "silu": nn.SiLU(), "gelu": nn.GELU(), "mish": nn.Mish(), "sigmoid": nn.Sigmoid(), "tanh": nn.Tanh(),
    "hardswish": nn.Hardswish(),
    "batch norm": nn.BatchNorm2d(8), "depthwise": nn.Conv2d(8, 8, 3, padding=1, groups=8),
    "dilated": nn.Conv2d(8, 8, 3, padding=2, dilation=2),
    "one row": nn.Conv2d(8, 8, (1, 3), padding=(0, 1)), "max pool": nn.MaxPool2d(3, 1, 1), "scaled": lambda x: 0.2 * x + 0.1,
    "gate": lambda x: x * torch.sigmoid(x.mean((2, 3), keepdim=True)), "reversed": lambda x: torch.cat([x[:, 4:], x[:, :4]], 1),
    "deviation": lambda x: x * x.var((2, 3), unbiased=False, keepdim=True).sqrt(),
    "down and up": lambda x: functional.interpolate(functional.max_pool2d(x, 2), x.shape[2:], mode="bilinear"),
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_a_graph_computes_what_the_module_does(name):
    torch.manual_seed(0)
    module = Between(KEPT[name]).eval()
    graph = graph_of_module(module, PictureFormat())
    assert graph.scale == 2
    for size in ((24, 24), (31, 18)):
        picture = torch.rand(1, 3, *size)
        with torch.no_grad():
            torch.testing.assert_close(GraphNetwork(graph)(picture), module(picture), rtol=1e-4, atol=1e-5)


def test_a_module_applied_twice_is_two_nodes_with_one_set_of_weights():
    block = nn.Conv2d(8, 8, 3, padding=1)
    graph = graph_of_module(Between(nn.Sequential(block, nn.ReLU(), block)).eval(), PictureFormat())
    inner = [node for node in graph.convolutions() if node.name.split("@")[0] not in ("first", "last")]
    assert len(inner) == 2 and inner[0].parameters["weight"] == inner[1].parameters["weight"]


REFUSED = {"rounding": torch.round, "sorting": lambda x: torch.sort(x, 1)[0]}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_place_in_a_graph_is_refused_by_name(name):
    with pytest.raises(UserError, match=r"round|sort"):
        graph_of_module(Between(REFUSED[name]).eval(), PictureFormat())
