"""BasicSR's MSRResNet."""

import pytest
import torch
from seeded import assert_computes, convolutions, convolve, loaded, noise
from torch.nn.functional import interpolate, leaky_relu


@pytest.mark.parametrize(
    "scale, upsamplers", [(2, {"upconv1": 2}), (3, {"upconv1": 3}), (4, {"upconv1": 2, "upconv2": 2})]
)
def test_detects_and_computes_every_scale(tmp_path, scale, upsamplers):
    names = ["conv_hr", *(f"body.{n}.conv{k}" for n in range(2) for k in (1, 2))]
    shapes = {"conv_first": (6, 3, 3), "conv_last": (3, 6, 3)} | {name: (6, 6, 3) for name in names}
    shapes |= {name: (6 * factor**2, 6, 3) for name, factor in upsamplers.items()}
    state = convolutions(shapes)
    network = loaded(state, tmp_path)
    assert network.family == "msrresnet" and network.config == {"blocks": 2, "features": 6, "scale": scale}
    assert network.edge_layers == ("conv_first", *upsamplers, "conv_last")

    picture = noise(5, 7)
    x = leaky_relu(convolve(state, "conv_first", picture), 0.1)
    for n in range(2):
        x = x + convolve(state, f"body.{n}.conv2", convolve(state, f"body.{n}.conv1", x).relu())
    for name, factor in upsamplers.items():
        x = leaky_relu(torch.pixel_shuffle(convolve(state, name, x), factor), 0.1)
    x = convolve(state, "conv_last", leaky_relu(convolve(state, "conv_hr", x), 0.1))
    enlarged = interpolate(picture, (5 * scale, 7 * scale), mode="bilinear", align_corners=False)
    assert_computes(network, picture, x + enlarged)
