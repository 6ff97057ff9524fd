"""Lowered graphs against the same quantization simulated in floats; what is fused, and what shares a map."""

import numpy as np
import pytest
import torch
from fitted import fitted, simulated
from small_networks import NETWORKS, dense_block, upsampled_inside, with_picture_added

from tvm_srq.graph.graph import Graph
from tvm_srq.graph.network import as_batch, to_picture
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.spec import QuantSpec


@pytest.mark.parametrize("name", NETWORKS)
def test_integers_follow_the_simulation(name):
    graph = NETWORKS[name]()
    picture = np.random.default_rng(1).integers(0, 256, (24, 21, graph.picture.channels), dtype=np.uint8)
    batch = as_batch(picture, graph)
    spec = fitted(graph, [batch])
    result = IntegerReference(spec)(picture).astype(int)
    expected = to_picture(simulated(spec, batch), graph.picture.output_range)[0].permute(1, 2, 0).numpy()
    assert result.shape == expected.shape == (graph.scale * 24, graph.scale * 21, graph.picture.channels)
    difference = np.abs(result - expected)
    assert difference.max() <= 3 and difference.mean() < 0.1


def kinds_of(graph: Graph) -> list[str]:
    batch = torch.rand(1, 3, 24, 21)
    return [call.step.name for call in IntegerReference(fitted(graph, [batch])).program.calls]


def test_what_is_fused():
    """Nothing stands beside the convolutions but what cannot be part of them."""
    assert kinds_of(with_picture_added()) == ["convolution", "convolution", "to_picture"]
    assert kinds_of(upsampled_inside()) == ["convolution", "nearest", "convolution"]


def test_prefixes_of_a_concatenation_share_a_map():
    """Only where their quantizers agree."""
    graph = dense_block()
    spec = fitted(graph, [torch.rand(1, 3, 24, 21)])
    one = spec.layers["fuse"].input
    layers = {name: layer if layer.input is None else type(layer)(layer.weight, layer.weight_scale, 8, one)
              for name, layer in spec.layers.items()}  # fmt: skip
    program = IntegerReference(QuantSpec(graph, layers, spec.streams, spec.tables)).program
    readers = {call.layer: call.inputs for call in program.calls}
    assert readers["grow2"][:2] == readers["fuse"][:2] and readers["grow1"][:1] == readers["fuse"][:1]
