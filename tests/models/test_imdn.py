"""IMDN."""

import pytest
import torch
from seeded import assert_computes, convolutions, convolve, loaded, noise, psnr_of
from torch.nn.functional import leaky_relu


def official(modules: int, scale: int):
    shapes = {"fea_conv": (16, 3, 3), "c.0": (16, 16 * modules, 1), "LR_conv": (16, 16, 3), "upsampler.0": (3 * scale**2, 16, 3)}
    for n in range(1, modules + 1):
        shapes |= {f"IMDB{n}.c1": (16, 16, 3), f"IMDB{n}.c2": (16, 12, 3), f"IMDB{n}.c3": (16, 12, 3), f"IMDB{n}.c4": (4, 12, 3)}
        shapes |= {f"IMDB{n}.c5": (16, 16, 1), f"IMDB{n}.cca.conv_du.0": (2, 16, 1), f"IMDB{n}.cca.conv_du.2": (16, 2, 1)}
    return convolutions(shapes)


def attended(state, name, x):
    pixels = x.flatten(2)
    deviation = (pixels - pixels.mean(2, keepdim=True)).square().mean(2).sqrt()
    statistic = (deviation + pixels.mean(2))[:, :, None, None]
    gate = convolve(state, f"{name}.conv_du.2", convolve(state, f"{name}.conv_du.0", statistic).relu()).sigmoid()
    return x * gate


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_detects_and_computes_every_scale(tmp_path, scale):
    state = official(3, scale)
    network = loaded({f"module.{key}": value for key, value in state.items()}, tmp_path)
    assert network.config == {"modules": 3, "features": 16, "distilled": 4, "squeezed": 2, "scale": scale}
    assert network.edge_layers == ("fea_conv", "upsampler.0")

    picture = noise(5, 7)
    shallow = x = convolve(state, "fea_conv", picture)
    outputs = []
    for n in (1, 2, 3):
        aside, rest = [], x
        for k in (1, 2, 3):
            y = leaky_relu(convolve(state, f"IMDB{n}.c{k}", rest), 0.05)
            aside.append(y[:, :4])
            rest = y[:, 4:]
        aside.append(convolve(state, f"IMDB{n}.c4", rest))
        x = x + convolve(state, f"IMDB{n}.c5", attended(state, f"IMDB{n}.cca", torch.cat(aside, 1)))
        outputs.append(x)
    x = convolve(state, "LR_conv", leaky_relu(convolve(state, "c.0", torch.cat(outputs, 1)), 0.05)) + shallow
    assert_computes(network, picture, torch.pixel_shuffle(convolve(state, "upsampler.0", x), scale))


@pytest.mark.parametrize("checkpoint, expected", [("IMDN_x2.pth", 43.293), ("IMDN_x4.pth", 35.044)])
def test_real_weights(data, checkpoint, expected):
    assert psnr_of(data, checkpoint, "bird") == pytest.approx(expected, abs=0.01)
