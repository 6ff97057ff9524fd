"""Convolutions of any geometry come back as PyTorch's own, without the zeros that graphs put into their kernels."""

import numpy as np
import pytest
import torch
from any_convolution import convolution_case, of_any_geometry
from hypothesis import settings
from torch import nn
from torch.nn import functional

from peers.convolutions import Taps, convolution, transposed
from tvm_srq.graph.builder import GraphBuilder
from tvm_srq.graph.graph import PICTURE


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def layer_of(builder: GraphBuilder) -> nn.Module | None:
    """What a builder's border, convolution and subsampling are together."""
    nodes = {node.operator: node for node in builder.nodes}
    node = nodes["convolution"]
    weight, bias = (builder.parameters[node.parameters[role]] for role in ("weight", "bias"))
    places = nodes["subsample"].attributes if "subsample" in nodes else {}
    border = (nodes["pad"].attributes["before"], nodes["pad"].attributes["after"]) if "pad" in nodes else (0, 0)
    return convolution(weight, bias, node.attributes["groups"], **places, border=border)


@settings(max_examples=80, deadline=None)
@of_any_geometry
def test_any_convolution(**geometry):
    case, stride = convolution_case(**geometry), geometry["stride"]
    layer = layer_of(case.builder)
    assert layer is not None
    torch.testing.assert_close(layer(case.picture), case.expected, rtol=0, atol=1e-4)
    plain = next(module for module in layer.modules() if isinstance(module, nn.Conv2d))
    assert torch.equal(plain.weight, case.weight) and plain.stride == (stride, stride)
    assert plain.dilation == ((geometry["dilation"],) * 2 if geometry["kernel"] > 1 else (1, 1))


def test_the_usual_convolution_is_one_layer():
    weight = random(4, 3, 3, 3).numpy()
    layer = convolution(weight, None, 1)
    assert isinstance(layer, nn.Conv2d) and layer.bias is None and layer.padding == (1, 1)
    strided = convolution(weight, None, 1, start=1, stride=2, cut=1)
    assert isinstance(strided, nn.Conv2d) and (strided.padding, strided.stride) == ((0, 0), (2, 2))


def test_where_rows_before_the_first_are_skipped_there_is_none():
    assert convolution(random(4, 3, 3, 3).numpy(), None, 1, start=2, stride=2) is None


def test_kernels_of_zeros_and_of_few_rows():
    assert Taps.of(np.array([False] * 5)) == Taps(2, 1, 1)
    assert Taps.of(np.array([True, False, True, False, True])) == Taps(0, 3, 2)
    assert Taps.of(np.array([False, True, True, False, True])) == Taps(1, 4, 1)
    wide = np.zeros((2, 3, 5, 5), np.float32)
    wide[:, :, 2, 1:4] = random(2, 3, 3).numpy()
    layer = convolution(wide, None, 1)
    assert isinstance(layer, nn.Conv2d) and (layer.kernel_size, layer.padding) == ((1, 3), (0, 1))


@pytest.mark.parametrize(
    "kernel, stride, padding, more, groups", [(4, 2, 1, 0, 1), (3, 2, 1, 1, 1), (9, 4, 3, 1, 1), (8, 4, 2, 0, 2)]
)
def test_transposed_convolutions(kernel, stride, padding, more, groups):
    weight, bias, picture = random(6, 4 // groups, kernel, kernel), random(4), random(1, 6, 19, 16)
    builder = GraphBuilder(6)
    builder.transposed_convolution("c", PICTURE, weight.numpy(), bias.numpy(), stride, padding, more, groups)
    layer = transposed(builder.parameters["c.weight"], builder.parameters["c.bias"], groups, stride)
    assert layer is not None and torch.equal(layer.weight, weight) and layer.padding == (padding, padding)
    expected = functional.conv_transpose2d(picture, weight, bias, stride, padding, more, groups)
    torch.testing.assert_close(layer(picture), expected, rtol=0, atol=1e-4)


def test_a_convolution_before_a_pixel_shuffle_stays_one():
    assert transposed(random(12, 4, 3, 3).numpy(), random(12).numpy(), 1, 2) is None
