"""Real-ESRGAN's compact network."""

import numpy as np
import pytest
import torch
from seeded import assert_computes, convolutions, convolve, loaded, noise, psnr_of

from tvm_srq.errors import UserError
from tvm_srq.graph.network import as_batch
from tvm_srq.networks import graph_of_network


def official(middle: int, scale: int, channels: int = 3):
    state = convolutions(
        {"body.0": (6, channels, 3), f"body.{2 * middle + 2}": (channels * scale**2, 6, 3)}
        | {f"body.{2 * i}": (6, 6, 3) for i in range(1, middle + 1)}
    )
    slopes = torch.rand(middle + 1, 6, generator=torch.Generator().manual_seed(2))
    return state | {f"body.{2 * i + 1}.weight": slopes[i] for i in range(middle + 1)}


@pytest.mark.parametrize("scale, channels", [(1, 3), (2, 3), (4, 3), (2, 1), (1, 1)])
def test_detects_and_computes(tmp_path, scale, channels):
    state = official(3, scale, channels)
    network = loaded({"params": state}, tmp_path)
    assert network.config == {"convolutions": 5, "features": 6, "scale": scale, "channels": channels}
    assert network.edge_layers == ("body.0", "body.8") and network.channels == channels

    picture = noise(5, 7, channels)
    x = picture
    for i in range(4):
        x = convolve(state, f"body.{2 * i}", x)
        x = torch.where(x > 0, x, x * state[f"body.{2 * i + 1}.weight"][:, None, None])
    x = torch.pixel_shuffle(convolve(state, "body.8", x), scale)
    assert_computes(network, picture, x + picture.repeat_interleave(scale, 2).repeat_interleave(scale, 3))


def test_pictures_of_other_channels_are_refused(tmp_path):
    graph = graph_of_network(loaded(official(1, 2, 1), tmp_path))
    assert as_batch(np.full((2, 3, 1), 255, np.uint8), graph).tolist() == [[[[1.0] * 3] * 2]]
    with pytest.raises(UserError, match="reads grey pictures"):
        as_batch(np.zeros((2, 3, 3), np.uint8), graph)


def test_real_weights(data):
    assert psnr_of(data, "realesr-animevideov3.pth", "bird") == pytest.approx(29.379, abs=0.01)
