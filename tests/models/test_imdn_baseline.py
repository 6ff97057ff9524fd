"""The NTIRE 2022 IMDN baseline: its own keys begin like a wrapper's prefix."""

import pytest
import torch
from seeded import assert_computes, convolutions, convolve, loaded, noise, psnr_of
from torch.nn.functional import leaky_relu


def official(blocks: int, scale: int):
    shapes = {"model.0": (16, 3, 3), f"model.1.sub.{blocks}": (16, 16, 3), "model.2": (3 * scale**2, 16, 3)}
    for n in range(blocks):
        name = f"model.1.sub.{n}"
        shapes |= {f"{name}.conv1.0": (16, 16, 3), f"{name}.conv2.0": (16, 12, 3), f"{name}.conv3.0": (16, 12, 3)}
        shapes |= {f"{name}.conv4": (4, 12, 3), f"{name}.conv1x1": (16, 16, 1)}
    return convolutions(shapes)


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "net.model."])
def test_detects_and_computes_with_any_prefix(tmp_path, prefix):
    state = official(2, 4)
    network = loaded({prefix + key: value for key, value in state.items()}, tmp_path)
    assert network.family == "imdn_baseline"
    assert network.config == {"blocks": 2, "features": 16, "distilled": 4, "scale": 4}
    assert network.edge_layers == ("model.0", "model.2")

    picture = noise(5, 7)
    shallow = x = convolve(state, "model.0", picture)
    for n in range(2):
        aside, rest = [], x
        for k in (1, 2, 3):
            y = leaky_relu(convolve(state, f"model.1.sub.{n}.conv{k}.0", rest), 0.05)
            aside.append(y[:, :4])
            rest = y[:, 4:]
        aside.append(convolve(state, f"model.1.sub.{n}.conv4", rest))
        x = x + convolve(state, f"model.1.sub.{n}.conv1x1", torch.cat(aside, 1))
    x = shallow + convolve(state, "model.1.sub.2", x)
    assert_computes(network, picture, torch.pixel_shuffle(convolve(state, "model.2", x), 4))


def test_real_weights(data):
    assert psnr_of(data, "ntire22_imdn_baseline_x4.pth", "bird") == pytest.approx(35.049, abs=0.01)
