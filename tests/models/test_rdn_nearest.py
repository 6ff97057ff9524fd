"""RDN with the upsampler that repeats pixels."""

import pytest
from seeded import assert_computes, convolutions, convolve, loaded, noise, psnr_of
from test_rdn import FEATURES, body_features, body_shapes


@pytest.mark.parametrize("scale", [2, 3])
def test_detects_and_computes(tmp_path, scale):
    wide = 3 * scale**2
    upsampler = {"UPNet.0": (FEATURES, FEATURES, 5), "UPNet.2": (5, FEATURES, 3), "UPNet.4": (wide, 5, 3)}
    state = convolutions(body_shapes() | upsampler | {"tail": (3, wide, 3)})
    network = loaded(state, tmp_path)
    assert network.family == "rdn_nearest" and network.scale == scale and network.config["narrow"] == 5
    assert network.edge_layers == ("SFENet1", "tail")
    assert (network.pixel_range, network.output_range) == (1.0, (0.0, 1.0))

    picture = noise(5, 7)
    x = convolve(state, "UPNet.2", convolve(state, "UPNet.0", body_features(state, picture)).relu()).relu()
    x = convolve(state, "UPNet.4", x).repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    assert_computes(network, picture, convolve(state, "tail", x))


def test_real_weights(data):
    assert psnr_of(data, "rdn_d10c3g64_x2.pt", "bird") == pytest.approx(39.668, abs=0.01)
