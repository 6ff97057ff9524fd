"""Graphs as modules: layers that converters know, one for each node."""

import numpy as np
import torch
from small_families import small
from small_networks import NETWORKS
from torch import nn

from peers.float_module import Operation, float_module
from peers.folding import between_pixels
from tvm_srq.graph.builder import GraphBuilder
from tvm_srq.graph.graph import PICTURE, Graph, PictureFormat
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.networks import graph_of_network


def layers(name: str) -> list[nn.Module]:
    module = float_module(between_pixels(graph_of_network(small(name))))
    return [layer for layer in module.modules() if not list(layer.children())]


def test_slopes():
    kinds = {name: {type(layer) for layer in layers(name)} - {nn.Conv2d, nn.PixelShuffle} for name in ("edsr", "srresnet")}
    assert kinds == {"edsr": {nn.ReLU}, "srresnet": {nn.LeakyReLU}}  # PReLU's slopes are all the same before training
    builder = GraphBuilder()
    graph = builder.build(PictureFormat(), builder.prelu("slopes", PICTURE, [0.1, 0.2, 0.3]))
    assert [type(layer) for layer in float_module(graph).modules() if not list(layer.children())] == [nn.PReLU]


def test_strides_are_the_convolution_s():
    strided = [layer for layer in layers("rlfn") if isinstance(layer, nn.Conv2d) and layer.stride == (2, 2)]
    assert len(strided) == 2 and all(layer.padding == (0, 0) for layer in strided)
    assert all(layer.extra_repr() == "resize" for layer in layers("rlfn") if isinstance(layer, Operation))


def test_borders_and_places_are_the_convolution_s():
    """As networks are written for PyTorch, whatever graphs make of them."""
    builder = GraphBuilder()
    weight = np.random.default_rng(0).standard_normal((3, 3, 3, 3)).astype(np.float32)
    padded = builder.convolution("c", PICTURE, weight, None, padding=(3, 3, 3, 3))
    builder.convolution("d", padded, weight, None, padding=(0, 0, 0, 0), dilation=(2, 2))
    graph = Graph(tuple(builder.nodes), builder.parameters, PictureFormat(), 1)
    found = [layer for layer in float_module(graph).modules() if not list(layer.children())]
    assert [(type(layer), layer.kernel_size, layer.padding, layer.dilation) for layer in found] == [
        (nn.Conv2d, (3, 3), (3, 3), (1, 1)), (nn.Conv2d, (3, 3), (0, 0), (2, 2)),
    ]  # fmt: skip
    picture = torch.rand(1, 3, 16, 20)
    torch.testing.assert_close(float_module(graph)(picture), GraphNetwork(graph)(picture))


def test_channels_are_parted_once():
    graph = graph_of_network(small("imdn"))
    parted = {node.inputs[0] for node in graph.nodes if node.operator == "select"}
    module = float_module(between_pixels(graph))
    assert sum(node.target is torch.split for node in module.graph.nodes) == len(parted)


def test_a_transposed_convolution_comes_back():
    builder = GraphBuilder()
    weight = np.random.default_rng(0).standard_normal((3, 3, 4, 4)).astype(np.float32)
    graph = builder.build(PictureFormat(), builder.transposed_convolution("up", PICTURE, weight, None, 2, 1, 0))
    kinds = [type(layer) for layer in float_module(graph).modules() if not list(layer.children())]
    assert kinds == [nn.ConvTranspose2d]


def test_modules_are_traced_for_any_size():
    """Sizes that follow the picture's are no constants of the trace."""
    for name in ("strided", "unshuffled"):
        module = float_module(between_pixels(NETWORKS[name]()))
        traced = torch.jit.trace(module, torch.rand(1, 3, 16, 20))
        other = 255 * torch.rand(1, 3, 21, 17)
        torch.testing.assert_close(traced(other), module(other))
