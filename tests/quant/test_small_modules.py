"""Networks of a few convolutions, wired in every way, quantized: their integers follow the simulation in floats."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from small_network import small_pictures
from torch import Tensor, nn

from tvm_srq.data.pictures import list_pictures, read_picture
from tvm_srq.graph.graph import Graph, PictureFormat
from tvm_srq.graph.network import GraphNetwork, as_batch
from tvm_srq.graph.sources.module import graph_of_module
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.quant.fitting.calibrate import quantize_network
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.quant.simulate import Simulation
from tvm_srq.spec_file import load_spec, save_spec


class Small(nn.Module):
    """Convolutions a, b, c (4 channels), wide (16), wider (64) and last (3), and modules to put between them."""

    def __init__(self, body: Callable[["Small", Tensor], Tensor]):
        super().__init__()
        self.a, self.b, self.c = (nn.Conv2d(inputs, 4, 3, padding=1) for inputs in (3, 4, 4))
        self.wide, self.wider, self.last = (nn.Conv2d(4, outputs, 3, padding=1) for outputs in (16, 64, 3))
        self.shuffle, self.second_shuffle = nn.PixelShuffle(2), nn.PixelShuffle(2)
        self.by_colour = nn.Conv2d(3, 3, 3, padding=1, groups=3)
        self.relu, self.identity, self.norm = nn.ReLU(), nn.Identity(), nn.BatchNorm2d(4)
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self, x)


def before_and_after_an_activation(n: Small, x: Tensor) -> Tensor:
    y = n.a(x)
    return n.last(n.b(n.relu(y)) + y)


def activated_and_added_to_itself(n: Small, x: Tensor) -> Tensor:
    y = n.b(n.a(x))
    return n.last(n.relu(y) + y)


def read_before_it_is_scaled(n: Small, x: Tensor) -> Tensor:
    y = n.a(x)
    z = n.b(y)
    return n.last(n.c(y * 0.5) + z)


def read_before_it_is_normalized(n: Small, x: Tensor) -> Tensor:
    y = n.a(x)
    return n.last(n.c(n.norm(y)) + n.b(y))


def read_before_it_is_shuffled(n: Small, x: Tensor) -> Tensor:
    y = n.wide(n.a(x))
    return n.last(n.shuffle(y) + n.shuffle(y))


def read_before_it_is_added_to(n: Small, x: Tensor) -> Tensor:
    first = n.a(x)
    y = n.b(first)
    z = n.c(y)
    return n.last(z + (y + first))


def scaled_twice(n: Small, x: Tensor) -> Tensor:
    y = n.a(x)
    return n.last(n.b(y * 0.5) + n.c(y * 0.25))


def hidden_behind_an_identity(n: Small, x: Tensor) -> Tensor:
    y = n.a(x)
    return n.last(n.b(n.relu(n.identity(y))) + n.identity(y))


def shuffled_twice(n: Small, x: Tensor) -> Tensor:
    return n.last(n.second_shuffle(n.shuffle(n.wider(n.a(x)))))


def shuffled_behind_an_addition(n: Small, x: Tensor) -> Tensor:
    y = n.a(x)
    return n.last(n.shuffle(n.wide(n.b(y)) + n.wide(y)))


def applied_twice(n: Small, x: Tensor) -> Tensor:
    y = n.a(x)
    return n.last(n.b(n.relu(n.b(y))) + y)


def two_additions_in_a_row(n: Small, x: Tensor) -> Tensor:
    y = n.a(x)
    z = n.b(y)
    return n.last((n.c(z) + y) + z)


def activated_behind_an_addition(n: Small, x: Tensor) -> Tensor:
    y = n.a(x)
    return n.last(n.relu(n.b(y) + y))


def scaled_behind_an_activation(n: Small, x: Tensor) -> Tensor:
    return n.last(n.relu(n.a(x)) * 0.5 - 0.1)


def the_picture_is_added(n: Small, x: Tensor) -> Tensor:
    return n.last(n.a(x)) + x


def two_convolutions_read_the_picture(n: Small, x: Tensor) -> Tensor:
    return n.last(n.c(n.a(x * 0.5)) + n.a(x - 0.25))


def colours_scaled_differently(n: Small, x: Tensor) -> Tensor:
    return n.last(n.a((x - torch.tensor([0.5, 0.4, 0.3])[:, None, None]) * torch.tensor([0.5, 2.0, -1.0])[:, None, None]))


def colours_scaled_differently_and_added(n: Small, x: Tensor) -> Tensor:
    y = (x - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    return n.last(n.a(y)) + y


def colours_apart(n: Small, x: Tensor) -> Tensor:
    """Colours that are whole pixel values: what lies outside the picture is exact."""
    return n.last(n.a(n.by_colour(x - torch.tensor([0.2, 0.4, 0.6])[:, None, None])))


def normalized_behind_a_shuffle(n: Small, x: Tensor) -> Tensor:
    return n.last(n.norm(n.shuffle(n.wide(n.a(x)))))


def added_with_a_factor(n: Small, x: Tensor) -> Tensor:
    y = n.a(x)
    return n.last(torch.add(n.b(y), y, alpha=2))


def looked_up(n: Small, x: Tensor) -> Tensor:
    return n.last(torch.sigmoid(n.a(x)))


def unused(n: Small, x: Tensor) -> Tensor:
    y = n.a(x)
    n.b(y)
    return n.last(y)


BODIES = [
    before_and_after_an_activation, activated_and_added_to_itself, read_before_it_is_scaled, read_before_it_is_normalized,
    read_before_it_is_shuffled, read_before_it_is_added_to, scaled_twice, hidden_behind_an_identity, shuffled_twice,
    shuffled_behind_an_addition, applied_twice, two_additions_in_a_row, activated_behind_an_addition, scaled_behind_an_activation,
    the_picture_is_added, two_convolutions_read_the_picture, colours_scaled_differently,
    colours_scaled_differently_and_added, colours_apart, normalized_behind_a_shuffle, added_with_a_factor, looked_up, unused,
]  # fmt: skip


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return small_pictures(tmp_path_factory.mktemp("pictures"), count=2)


@cache
def graph_of(body: Callable[[Small, Tensor], Tensor], folder: Path) -> Graph:
    """Its output range is what comes out for the pictures, so that no error is clipped away."""
    torch.manual_seed(0)
    module = Small(body).eval()
    with torch.no_grad():
        module.norm.running_mean.copy_(torch.arange(4.0) / 4)
        module.norm.running_var.copy_(torch.arange(1.0, 5.0) / 4)
        graph = graph_of_module(module, PictureFormat())
        outputs = [GraphNetwork(graph)(as_batch(read_picture(path), graph)) for path in list_pictures(folder)]
    ends = min(float(output.min()) for output in outputs), max(float(output.max()) for output in outputs)
    return graph_of_module(module, PictureFormat(output_range=ends))


@pytest.mark.parametrize("equalize", [True, False])
@pytest.mark.parametrize("body", BODIES)
def test_integers_follow_the_simulation(body, equalize, pictures, tmp_path):
    network = GraphNetwork(graph_of(body, pictures))
    save_spec(quantize_network(network, pictures, Settings(8, 8, equalize=equalize)), tmp_path / "a.srq")
    spec = load_spec(tmp_path / "a.srq")
    picture = read_picture(list_pictures(pictures)[0])[:21, :26]
    exact = Simulation(spec)(picture).astype(int)
    difference = np.abs(IntegerReference(spec)(picture) - exact)
    assert exact.shape == (network.scale * 21, network.scale * 26, 3) and np.ptp(exact) > 100
    assert difference.max() <= 4 and difference.mean() < 0.4


def test_what_no_output_needs_is_left_out(pictures):
    assert [node.name for node in graph_of(unused, pictures).convolutions()] == ["a", "last"]
