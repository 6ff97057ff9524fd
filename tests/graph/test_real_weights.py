"""Real networks' graphs compute what the networks do, at even and odd sizes."""

import torch
from real_networks import SCALES, each_file

from tvm_srq.graph.graph import PictureFormat
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.sources.module import graph_of_module
from tvm_srq.models import load_checkpoint


@each_file
def test_real_weights(file, data):
    network = load_checkpoint(data / "weights" / file, SCALES[file]).eval()
    graph = graph_of_module(network, PictureFormat(3, network.pixel_range, network.output_range))
    assert graph.scale == network.scale
    assert graph.size <= sum(value.numel() for value in network.state_dict().values()) * 1.001
    for height, width in ((graph.smallest, graph.smallest + 3), (32, 48), (33, 27)):
        picture = torch.rand(1, 3, height, width) * network.pixel_range
        with torch.no_grad():
            expected = network(picture)
            difference = (GraphNetwork(graph)(picture) - expected).abs().max()
        assert difference <= 1e-5 * expected.abs().max()
