"""QuickSRNet, with and without an anchor, and NTIRE's variant that reads four copies of the picture."""

import pytest
import torch
from seeded import assert_computes, convolutions, convolve, loaded, noise, psnr_of


@pytest.mark.parametrize("copies, anchored, scale", [(1, False, 2), (1, True, 3), (4, True, 4)])
def test_detects_and_computes(tmp_path, copies, anchored, scale):
    shapes = {"cnn.0": (6, 3 * copies, 3), "cnn.2": (6, 6, 3), "cnn.4": (6, 6, 3), "conv_last": (3 * scale**2, 6, 3)}
    state = convolutions(shapes | ({"anchor.net": (3 * scale**2, 3, 1)} if anchored else {}))
    network = loaded(state, tmp_path)
    assert network.config == {"convolutions": 3, "features": 6, "scale": scale, "anchored": anchored}
    assert network.edge_layers == (("cnn.0", "anchor.net", "conv_last") if anchored else ("cnn.0", "conv_last"))

    picture = noise(5, 7)
    x = torch.cat([picture] * copies, 1)
    for place in (0, 2, 4):
        x = convolve(state, f"cnn.{place}", x).clamp(0, 1)
    x = convolve(state, "conv_last", x)
    if anchored:
        x = x + convolve(state, "anchor.net", picture)
    assert_computes(network, picture, torch.pixel_shuffle(x, scale))


def test_real_weights(data):
    assert psnr_of(data, "team11_EFQN.pt", "bird") == pytest.approx(34.669, abs=0.01)
