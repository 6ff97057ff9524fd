"""EDSR in BasicSR's layout."""

import pytest
import torch
from seeded import assert_computes, convolutions, convolve, loaded, noise

MEAN = torch.tensor((0.4488, 0.4371, 0.4040)).view(1, 3, 1, 1)


def basicsr(blocks: int, features: int, upsamplers: dict[str, int]):
    names = ["conv_after_body", *(f"body.{n}.conv{k}" for n in range(blocks) for k in (1, 2))]
    shapes = {"conv_first": (features, 3, 3), "conv_last": (3, features, 3)}
    shapes |= {name: (features, features, 3) for name in names}
    shapes |= {f"upsample.{place}": (features * factor**2, features, 3) for place, factor in upsamplers.items()}
    return convolutions(shapes)


@pytest.mark.parametrize("scale, upsamplers", [(2, {"0": 2}), (3, {"0": 3}), (4, {"0": 2, "2": 2})])
def test_detects_and_computes_every_scale(tmp_path, scale, upsamplers):
    state = basicsr(2, 6, upsamplers)
    network = loaded({"params": state}, tmp_path)
    assert network.family == "edsr_basicsr"
    assert network.config == {"blocks": 2, "features": 6, "scale": scale, "residual_scale": 1.0}
    assert network.edge_layers == ("conv_first", *(f"upsample.{place}" for place in upsamplers), "conv_last")
    assert (network.pixel_range, network.output_range) == (1.0, (0.0, 1.0))

    picture = noise(5, 7)
    first = x = convolve(state, "conv_first", (picture - MEAN) * 255)
    for n in range(2):
        x = x + convolve(state, f"body.{n}.conv2", convolve(state, f"body.{n}.conv1", x).relu())
    x = convolve(state, "conv_after_body", x) + first
    for place, factor in upsamplers.items():
        x = torch.pixel_shuffle(convolve(state, f"upsample.{place}", x), factor)
    assert_computes(network, picture, convolve(state, "conv_last", x) / 255 + MEAN)


def test_256_features_have_residuals_times_a_tenth(tmp_path):
    state = basicsr(1, 256, {"0": 2})
    network = loaded(state, tmp_path)
    x = noise(3, 3, 256)
    expected = x + convolve(state, "body.0.conv2", convolve(state, "body.0.conv1", x).relu()) * 0.1
    torch.testing.assert_close(network.body[0](x), expected)
