"""Convolutions of any geometry against PyTorch's."""

import numpy as np
import pytest
import torch
from any_convolution import convolution_case, of_any_geometry
from hypothesis import settings
from torch.nn import functional

from tvm_srq.errors import UserError
from tvm_srq.graph.builder import GraphBuilder
from tvm_srq.graph.graph import PICTURE, Graph, PictureFormat
from tvm_srq.graph.network import GraphNetwork


def run(builder: GraphBuilder, picture: torch.Tensor) -> torch.Tensor:
    graph = Graph(tuple(builder.nodes), builder.parameters, PictureFormat(picture.shape[1]), 1)
    result = GraphNetwork(graph)(picture)
    assert (graph.extents[graph.output](19), graph.extents[graph.output](16)) == tuple(result.shape[2:])
    return result


@settings(max_examples=60, deadline=None)
@of_any_geometry
def test_convolution(**geometry):
    case = convolution_case(**geometry)
    torch.testing.assert_close(run(case.builder, case.picture), case.expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("shape, padding", [((1, 3), (0, 1, 0, 1)), ((3, 1), (1, 0, 1, 0)), ((5, 3), (2, 1, 2, 1))])
def test_kernels_that_are_no_squares(shape, padding):
    weight, picture = torch.randn(4, 3, *shape), torch.randn(1, 3, 19, 16)
    builder = GraphBuilder()
    builder.convolution("c", PICTURE, weight.numpy(), None, padding=padding)
    expected = functional.conv2d(picture, weight, padding=padding[:2])
    torch.testing.assert_close(run(builder, picture), expected, rtol=0, atol=1e-4)


def test_borders_that_differ_are_refused_by_name():
    with pytest.raises(UserError, match="layer c treats rows and columns differently"):
        GraphBuilder().convolution("c", PICTURE, np.zeros((1, 1, 3, 1), np.float32), None, padding=(1, 1, 1, 1))


@pytest.mark.parametrize("kernel, stride, padding, more, groups",
                         [(4, 2, 1, 0, 1), (3, 2, 1, 1, 1), (2, 2, 0, 0, 1), (9, 4, 3, 1, 1), (8, 4, 2, 0, 2)])  # fmt: skip
def test_transposed_convolution(kernel, stride, padding, more, groups):
    weight, bias, picture = torch.randn(6, 4 // groups, kernel, kernel), torch.randn(4), torch.randn(1, 6, 19, 16)
    builder = GraphBuilder()
    builder.transposed_convolution("c", PICTURE, weight.numpy(), bias.numpy(), stride, padding, more, groups)
    expected = functional.conv_transpose2d(picture, weight, bias, stride, padding, more, groups)
    torch.testing.assert_close(run(builder, picture), expected, rtol=0, atol=1e-4)


def test_convolutions_may_be_called_as_anything_in_a_network_of_graphs():
    builder = GraphBuilder(1)
    builder.convolution("first", PICTURE, np.ones((1, 1, 1, 1), np.float32), None)
    network = GraphNetwork(Graph(tuple(builder.nodes), builder.parameters, PictureFormat(1), 1))
    source = PICTURE
    for name in (name for name in dir(network) if not name.startswith("__") and "." not in name):
        source = builder.convolution(name, source, np.ones((1, 1, 1, 1), np.float32), None)
    picture = torch.rand(1, 1, 3, 4)
    assert torch.equal(GraphNetwork(Graph(tuple(builder.nodes), builder.parameters, PictureFormat(1), 1))(picture), picture)


def test_a_node_that_is_none_is_refused():
    builder = GraphBuilder()
    builder.add("concat", "joined", [PICTURE], {"axis": 2})
    with pytest.raises(UserError, match="joined is no valid concat"):
        builder.build(PictureFormat(), "joined")
