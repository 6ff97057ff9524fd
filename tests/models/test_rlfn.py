"""RLFN and the smallest picture it works on."""

import numpy as np
import pytest
import torch
from seeded import assert_computes, convolutions, convolve, loaded, noise, psnr_of
from torch.nn.functional import conv2d, interpolate, leaky_relu, max_pool2d

from tvm_srq.errors import UserError
from tvm_srq.graph.network import as_batch
from tvm_srq.networks import graph_of_network


@pytest.fixture
def state():
    shapes = {"fea_conv": (6, 3, 3), "LR_conv": (6, 6, 3), "upsampler.0": (12, 6, 3)}
    for n in (1, 2):
        shapes |= {f"B{n}.c1_r": (7, 6, 3), f"B{n}.c2_r": (7, 7, 3), f"B{n}.c3_r": (6, 7, 3), f"B{n}.c5": (6, 6, 1)}
        shapes |= {f"B{n}.esa.conv1": (4, 6, 1), f"B{n}.esa.conv_f": (4, 4, 1), f"B{n}.esa.conv4": (6, 4, 1)}
        shapes |= {f"B{n}.esa.conv2": (4, 4, 3), f"B{n}.esa.conv3": (4, 4, 3)}
    return convolutions(shapes)


def attended(state, name, x):
    squeezed = convolve(state, f"{name}.conv1", x)
    wide = conv2d(squeezed, state[f"{name}.conv2.weight"], state[f"{name}.conv2.bias"], stride=2)
    wide = convolve(state, f"{name}.conv3", max_pool2d(wide, 7, 3))
    wide = interpolate(wide, tuple(x.shape[2:]), mode="bilinear", align_corners=False)
    return x * convolve(state, f"{name}.conv4", wide + convolve(state, f"{name}.conv_f", squeezed)).sigmoid()


@pytest.mark.parametrize("size", [(15, 15), (22, 31)])
def test_detects_and_computes(tmp_path, state, size):
    network = loaded(state, tmp_path)
    assert network.config == {"blocks": 2, "features": 6, "middle": 7, "squeezed": 4, "scale": 2}
    assert network.edge_layers == ("fea_conv", "upsampler.0")
    assert (network.pixel_range, network.output_range) == (255.0, (0.0, 255.0))

    picture = noise(*size)
    shallow = x = convolve(state, "fea_conv", picture)
    for n in (1, 2):
        y = x
        for k in (1, 2, 3):
            y = leaky_relu(convolve(state, f"B{n}.c{k}_r", y), 0.05)
        x = attended(state, f"B{n}.esa", convolve(state, f"B{n}.c5", y + x))
    x = convolve(state, "LR_conv", x) + shallow
    assert_computes(network, picture, torch.pixel_shuffle(convolve(state, "upsampler.0", x), 2))


@pytest.mark.parametrize("size", [(14, 20), (20, 14)])
def test_smaller_pictures_are_refused(tmp_path, state, size):
    network = loaded(state, tmp_path)
    assert network.smallest == 15
    with pytest.raises(RuntimeError):
        network(noise(*size))
    with pytest.raises(UserError, match=f"15x15 pixels or more, not {size[0]}x{size[1]}"):
        as_batch(np.zeros((*size, 3), np.uint8), graph_of_network(network))


def test_real_weights(data):
    assert psnr_of(data, "ntire22_rlfn_x4.pth", "bird") == pytest.approx(34.636, abs=0.01)
