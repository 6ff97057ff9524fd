"""SRResNet with batch normalization and PReLU."""

import pytest
import torch
from seeded import assert_computes, loaded, noise, psnr_of
from torch.nn.functional import batch_norm, conv2d, prelu

from tvm_srq.models.srresnet import SRResNet


def test_computes_what_its_state_dict_says(tmp_path):
    torch.manual_seed(0)
    state = {key: value + 0.1 * torch.rand(value.shape) if value.is_floating_point() else value
             for key, value in SRResNet(2, 6, 2, slopes=6).state_dict().items()}  # fmt: skip
    network = loaded(state, tmp_path)
    assert network.edge_layers == ("head.0", "up.0", "tail")
    assert (network.pixel_range, network.output_range) == (1.0, (-1.0, 1.0))

    def convolve(name, x):
        weight = state[f"{name}.weight"]
        return conv2d(x, weight, state.get(f"{name}.bias"), padding=weight.shape[-1] // 2)

    def normalize(name, x):
        numbers = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return batch_norm(x, *numbers)

    picture = noise(5, 7)
    head = x = prelu(convolve("head.0", picture), state["head.1.weight"])
    for n in range(2):
        inner = prelu(normalize(f"body.{n}.bn1", convolve(f"body.{n}.conv1", x)), state[f"body.{n}.act.weight"])
        x = x + normalize(f"body.{n}.bn2", convolve(f"body.{n}.conv2", inner))
    x = head + normalize("body_bn", convolve("body_conv", x))
    x = prelu(torch.pixel_shuffle(convolve("up.0", x), 2), state["up.2.weight"])
    assert_computes(network, picture, convolve("tail", x))


def test_real_weights(data):
    assert psnr_of(data, "srresnet_bn8_x4.pt", "bird") == pytest.approx(34.616, abs=0.01)
