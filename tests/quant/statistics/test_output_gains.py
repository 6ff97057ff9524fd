"""Gains of channels: exact for one convolution, what noise really adds behind several."""

import numpy as np
import pytest
import torch
from sketch import Sketch
from small_network import small_network

from tvm_srq.graph.graph import PICTURE
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.quant.statistics.output_gains import LEAST, output_gains


def pictures(count: int, side: int = 24) -> list[torch.Tensor]:
    return list(torch.rand(count, 1, 3, side, side, generator=torch.Generator().manual_seed(1)).unbind())


def test_an_error_in_one_of_three_colours_counts_a_third():
    sketch = Sketch()
    network = GraphNetwork(sketch.build(sketch.convolution("first", PICTURE)))
    grey_level = network.graph.picture.grey_level
    assert output_gains(network, pictures(1))["last"] == pytest.approx([1 / (3 * grey_level**2)] * 3, rel=1e-5)


def test_noise_in_a_channel_adds_what_its_gain_says():
    network, batches = small_network(), pictures(4)
    gains = output_gains(network, batches)
    generator = torch.Generator().manual_seed(2)
    for name in ("head.0", "body.0.body.0"):
        convolution = network.convolution(name)
        for channel in (0, 3):
            noise = torch.zeros(1, convolution.out_channels, 1, 1)
            noise[0, channel] = 1e-3
            exact = [network(batch) for batch in batches]
            hook = convolution.register_forward_hook(lambda m, i, o, n=noise: o + n * torch.randn(o.shape, generator=generator))
            added = [network(batch) for batch in batches]
            hook.remove()
            error = np.mean([float((a - b).square().mean()) for a, b in zip(exact, added, strict=True)])
            grey_levels = error / network.graph.picture.grey_level**2
            assert grey_levels == pytest.approx(1e-6 * gains[name][channel], rel=0.35)


def test_channels_that_nothing_needs_count_a_little():
    sketch = Sketch()
    network = GraphNetwork(sketch.build(sketch.convolution("first", PICTURE)))
    with torch.no_grad():
        network.convolution("last").weight[:, 2] = 0
    gains = output_gains(network, pictures(1))["first"]
    assert gains[2] == LEAST * np.delete(gains, 2).sum() / 4


def test_the_same_seed_gives_the_same_gains():
    first, second, other = (output_gains(small_network(), pictures(1), seed) for seed in (0, 0, 1))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert any(not np.array_equal(first[name], other[name]) for name in first)
