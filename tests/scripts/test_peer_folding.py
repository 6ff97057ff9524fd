"""What peers are given computes what the graph does, with factors and offsets in weights wherever they can be."""

import numpy as np
import pytest
import torch
from small_families import SMALL, small
from small_network import small_graph, with_batch_norm
from small_networks import NETWORKS

from peers.float_module import float_module
from peers.folding import between_pixels
from tvm_srq.graph.builder import GraphBuilder
from tvm_srq.graph.graph import PICTURE, Graph, PictureFormat
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.networks import graph_of_network

RGB = [name for name in NETWORKS if name != "grey"]


def operators(graph: Graph) -> list[str]:
    return [node.operator for node in graph.nodes]


def pixels_of(graph: Graph, pixels: torch.Tensor) -> torch.Tensor:
    """What the graph itself makes of pixels, in pixels."""
    black, white = graph.picture.output_range
    return (GraphNetwork(graph)(pixels * (graph.picture.white / 255)) - black) * (255 / (white - black))


def assert_computes_the_same(graph: Graph) -> None:
    """Folded, and as a module, at several sizes."""
    folded = between_pixels(graph)
    assert folded.picture == PictureFormat(3, 255.0, (0.0, 255.0))
    module = float_module(folded)
    for height, width in ((16, 20), (17, 23)):
        pixels = 255 * torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
        expected = pixels_of(graph, pixels)
        tolerance = 2e-5 * max(255.0, float(expected.abs().max()))
        torch.testing.assert_close(GraphNetwork(folded)(pixels), expected, rtol=0, atol=tolerance)
        torch.testing.assert_close(module(pixels), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", RGB)
def test_graphs(name):
    assert_computes_the_same(NETWORKS[name]())


@pytest.mark.parametrize("name", SMALL)
def test_families(name):
    graph = graph_of_network(small(name))
    assert_computes_the_same(graph)
    left = [node for node in between_pixels(graph).nodes if node.operator == "affine"]
    scaled_sums = {"rrdbnet": 1}  # the residual of residuals, of sums that others read too
    mean_shifts = {"edsr": 1, "edsr_basicsr": 1, "carn_m": 1}  # cannot pass the zeros around the map
    assert len(left) == (scaled_sums | mean_shifts).get(name, 0)


@pytest.mark.parametrize("name", ["edsr", "edsr_basicsr", "carn_m"])
def test_a_mean_shift_adds_and_no_more(name):
    graph = between_pixels(graph_of_network(small(name)))
    node = next(node for node in graph.nodes if node.operator == "affine")
    assert node.inputs == (PICTURE,) and (graph.parameters[node.parameters["multiplier"]] == 1).all()


def test_a_picture_that_is_added_needs_no_factor():
    graph = NETWORKS["with_picture_added"]()
    folded = between_pixels(graph)
    assert operators(folded) == operators(graph)
    assert folded.node("repeated").inputs == (PICTURE,)


def test_a_batch_norm_and_an_output_from_minus_one_fold():
    plain = small_graph("srresnet")
    graph = with_batch_norm(plain, "body.0.act")
    assert graph.picture.output_range == (-1.0, 1.0)
    assert_computes_the_same(graph)
    assert operators(between_pixels(graph)) == operators(plain)


def test_a_clamp_of_the_output_is_left_out_where_pixels_pass():
    for high, count in ((1.0, 0), (0.5, 1)):
        builder = GraphBuilder()
        wide = builder.convolution("c", PICTURE, np.ones((3, 3, 1, 1), np.float32), None)
        graph = builder.build(PictureFormat(), builder.add("clamp", "bounded", [wide], {"low": 0.0, "high": high}))
        folded = between_pixels(graph)
        assert operators(folded).count("clamp") == count
        assert count == 0 or folded.node("bounded").attributes == {"low": 0.0, "high": 127.5}


def test_offsets_pass_kernels_of_one_pixel_alone():
    for kernel, left in ((1, []), (3, ["affine"])):
        builder = GraphBuilder()
        shifted = builder.affine("shift", PICTURE, 2.0, [0.1, 0.2, 0.3])
        weight = np.random.default_rng(0).standard_normal((3, 3, kernel, kernel)).astype(np.float32)
        graph = builder.build(
            PictureFormat(), builder.convolution("c", shifted, weight, None, padding=(kernel // 2,) * 4)
        )  # fmt: skip
        assert_computes_the_same(graph)
        assert operators(between_pixels(graph)) == [*left, "convolution"]


def test_what_others_read_is_not_changed():
    """A factor behind a convolution that is also read as it is stays a node."""
    builder = GraphBuilder()
    weight = np.random.default_rng(0).standard_normal((3, 3, 3, 3)).astype(np.float32)
    first = builder.convolution("c", PICTURE, weight, None, padding=(1, 1, 1, 1))
    gate = builder.add("function", "gate", [builder.affine("tenth", first, 0.1, 0.0)], {"function": "sigmoid"})
    graph = builder.build(PictureFormat(), builder.add("multiply", "gated", [first, gate]))
    assert_computes_the_same(graph)
    assert operators(between_pixels(graph)).count("affine") == 2  # the tenth, and the output's range
