"""EDSR in the official layout."""

import pytest
import torch
from seeded import assert_computes, convolutions, convolve, loaded, noise, psnr_of

MEAN = 255 * torch.tensor((0.4488, 0.4371, 0.4040)).view(1, 3, 1, 1)


def official(blocks: int, features: int, upsamplers: dict[str, int], seed: int = 0):
    shapes = {"head.0": (features, 3, 3), f"body.{blocks}": (features, features, 3), "tail.1": (3, features, 3)}
    shapes |= {f"body.{n}.body.{place}": (features, features, 3) for n in range(blocks) for place in (0, 2)}
    shapes |= {f"tail.0.{place}": (features * factor**2, features, 3) for place, factor in upsamplers.items()}
    return convolutions(shapes, seed)


@pytest.mark.parametrize(
    "scale, upsamplers", [(2, {"0": 2}), (3, {"0": 3}), (4, {"0": 2, "2": 2}), (8, {"0": 2, "2": 2, "4": 2})]
)
def test_detects_and_computes_every_scale(tmp_path, scale, upsamplers):
    state = official(2, 6, upsamplers)
    network = loaded(state, tmp_path)
    assert network.config == {"blocks": 2, "features": 6, "scale": scale, "residual_scale": 1.0}
    assert network.edge_layers == ("head.0", *(f"tail.0.{place}" for place in upsamplers), "tail.1")
    assert (network.pixel_range, network.output_range, network.channels) == (255.0, (0.0, 255.0), 3)

    picture = noise(5, 7, white=255.0)
    head = x = convolve(state, "head.0", picture - MEAN)
    for n in range(2):
        x = x + convolve(state, f"body.{n}.body.2", convolve(state, f"body.{n}.body.0", x).relu())
    x = convolve(state, "body.2", x) + head
    for place, factor in upsamplers.items():
        x = torch.pixel_shuffle(convolve(state, f"tail.0.{place}", x), factor)
    assert_computes(network, picture, convolve(state, "tail.1", x) + MEAN)


def test_256_features_have_residuals_times_a_tenth(tmp_path):
    assert loaded(official(1, 256, {"0": 2}), tmp_path).config["residual_scale"] == 0.1


def test_a_mean_in_the_checkpoint_is_used(tmp_path):
    state = official(1, 4, {"0": 2})
    shifts = {"sub_mean.weight": torch.eye(3).view(3, 3, 1, 1), "sub_mean.bias": torch.tensor([1.0, 2.0, 3.0])}
    assert loaded(state | shifts, tmp_path).sub_mean.bias.tolist() == [1.0, 2.0, 3.0]


def test_real_weights(data):
    assert psnr_of(data, "edsr_r8f64_x2.pt", "bird") == pytest.approx(43.005, abs=0.01)
