"""Widths by layer under a budget: the choice, and what it does to a network."""

import numpy as np
import pytest
import torch
from small_network import small_graph, small_network, small_pictures

from tvm_srq.cli import main
from tvm_srq.errors import UserError
from tvm_srq.graph.builder import GraphBuilder
from tvm_srq.graph.graph import PICTURE, PictureFormat
from tvm_srq.quant.policy.mixed import CHOICES, Budget, input_pixels, narrow, parse_budget, price
from tvm_srq.quant.policy.presets import quantize_by_preset


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return small_pictures(tmp_path_factory.mktemp("pictures"))


def test_budgets_are_read():
    assert parse_budget("size=0.5x") == Budget("size", 0.5) and parse_budget("cost=.7") == Budget("cost", 0.7)
    for wrong in ("size", "size=0", "size=1.5x", "time=0.5x"):
        with pytest.raises(UserError, match="give size=0.5x"):
            parse_budget(wrong)


def test_the_layer_that_costs_least_for_what_it_saves_is_narrowed_first():
    errors = {"a": {"8": 0.0, "4": 1.0, "2": 9.0}, "b": {"8": 0.0, "4": 3.0, "2": 4.0}}
    prices = {"a": {"8": 80.0, "4": 40.0, "2": 20.0}, "b": {"8": 80.0, "4": 40.0, "2": 20.0}}
    assert narrow(errors, prices, 1.0) == {"a": "8", "b": "8"}
    assert narrow(errors, prices, 0.75) == {"a": "4", "b": "8"}
    assert narrow(errors, prices, 0.375) == {"a": "4", "b": "2"}  # b goes to 2 at once: 4 for 60 is less than 3 for 40
    with pytest.raises(UserError, match=r"budget of 0.1x is less .* 0.25x"):
        narrow(errors, prices, 0.1)


def test_prices_of_size_and_time():
    plain, large = torch.nn.Conv2d(4, 8, 3), torch.nn.Conv2d(4, 8, 9)
    assert price(plain, 4, CHOICES["W4A6"], "size") == 288 * 4
    assert price(plain, 4, CHOICES["W8A8"], "cost") == 288 * 4 > price(plain, 4, CHOICES["W6A6"], "cost")
    assert price(large, 4, CHOICES["W4A6"], "cost") == 2592 * 4


@pytest.mark.parametrize("name", ["edsr", "srresnet"])
def test_pixels_are_those_of_a_convolution_s_input(name):
    pixels = input_pixels(small_graph(name))
    assert pixels.pop("tail.1" if name == "edsr" else "tail") == 4
    assert set(pixels.values()) == {1}


def test_pixels_of_convolutions_in_attention_and_behind_strides():
    builder, weight = GraphBuilder(), np.ones((3, 3, 3, 3), np.float32)
    halved = builder.convolution("stride", PICTURE, weight, None, stride=2, padding=(1, 1, 1, 1))
    small = builder.convolution("small", halved, weight, None, padding=(1, 1, 1, 1))
    average = builder.add("global_average", "average", [small])
    point = builder.convolution("point", average, weight[:, :, :1, :1], None)
    gated = builder.add("multiply", "gated", [builder.convolution("beside", PICTURE, weight, None, padding=(1, 1, 1, 1)), point])
    pixels = input_pixels(builder.build(PictureFormat(), gated))
    assert pixels == {"stride": 1, "small": pytest.approx(0.25), "point": pytest.approx(1 / 1024**2), "beside": 1}


def test_a_network_keeps_its_budget_of_weight_bits(pictures):
    network = small_network("srresnet")
    spec = quantize_by_preset(network, pictures, budget="size=0.5x")
    bits = {name: layer.weight_bits for name, layer in spec.layers.items()}
    assert sum(bits[name] * layer.weight.size for name, layer in spec.layers.items()) <= 4 * sum(
        layer.weight.size for layer in spec.layers.values()
    )
    assert len(set(bits.values())) > 1
    # narrow weights save room, narrow activations nothing
    assert all(layer.input is None or layer.input.bits >= 6 for layer in spec.layers.values())


def test_a_wrong_budget_is_told(default_checkpoint, pictures, tmp_path, capsys):
    output = str(tmp_path / "a.srq")
    arguments = ["quantize", str(default_checkpoint), "--calibration", str(pictures), "--budget", "half", "-o", output]
    assert main(arguments) == 2 and "budget half is none" in capsys.readouterr().err
