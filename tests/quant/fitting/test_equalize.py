"""Per-channel equalization: exact where factors are powers of two, chosen well, kept in the file."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_network import small_network, small_pictures

from tvm_srq.affine import per_weight
from tvm_srq.lowering.codes import form_of
from tvm_srq.lowering.constants import direct_steps, stream_ratio
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.quant.fitting.calibrate import Settings, quantize_network
from tvm_srq.quant.fitting.equalize import Reading, factors, fit_equalized, sensitivity_to_channels, weights_error
from tvm_srq.quant.policy.settings import Precision
from tvm_srq.quant.simulate import Simulation
from tvm_srq.quant.statistics.observers import Observer
from tvm_srq.spec import GridQuantizer, LayerSpec
from tvm_srq.spec_file import load_spec, save_spec

EIGHT, FOUR = Precision(8, 127, 8, None), Precision(8, 127, 4, 31)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return small_pictures(tmp_path_factory.mktemp("pictures"))


def uneven_observer() -> Observer:
    observer = Observer()
    values = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(0)) * torch.tensor([8.0, 4, 2, 1])[:, None, None]
    observer.update(values, torch.Generator().manual_seed(0))
    return observer


def test_full_strength_gives_every_channel_the_same_range():
    observer = uneven_observer()
    assert np.allclose(observer.divided(factors(observer, 1.0)).ranges(), observer.ranges().max(), rtol=1e-5)
    assert (factors(observer, 0.0) == 1).all() and factors(observer, 0.5).max() == 1


def test_factors_reach_grouped_weights_by_their_input_channel():
    assert per_weight(np.arange(4.0), (6, 2, 3, 3))[:, :, 0, 0].tolist() == [[0, 1]] * 3 + [[2, 3]] * 3
    assert per_weight(np.arange(4.0), (6, 4, 3, 3)).shape == (1, 4, 1, 1)
    weight = np.zeros((2, 1, 1, 1), np.float32)
    weight[:, 0, 0, 0] = 2, 3
    assert sensitivity_to_channels([Reading(weight, EIGHT)], 2).tolist() == [4, 9]
    both = Reading(np.ones((1, 2, 1, 1), np.float32), EIGHT)
    assert sensitivity_to_channels([Reading(weight, EIGHT), both], 2).tolist() == [5, 10]
    assert sensitivity_to_channels([Reading(weight, EIGHT, np.array([10.0, 100.0]))], 2).tolist() == [40, 900]


def test_errors_of_weights_count_by_output_and_by_what_feedback_leaves():
    observer, weight = uneven_observer(), np.random.default_rng(0).normal(size=(2, 4, 1, 1)).astype(np.float32)
    even = np.ones(4, np.float32)
    by_row = [weights_error([Reading(weight, FOUR, gains)], even, observer.power) for gains in np.eye(2)]
    both = weights_error([Reading(weight, FOUR)], even, observer.power)
    assert sum(by_row) == pytest.approx(both) and min(by_row) > 0
    half = Reading(weight, FOUR, remaining=observer.power[:, None, None] / 2)
    assert weights_error([half], even, observer.power) == pytest.approx(both / 2)


def test_equalizing_uneven_channels_lowers_the_expected_error():
    observer, generator = uneven_observer(), np.random.default_rng(0)
    weight = generator.normal(size=(8, 4, 3, 3)).astype(np.float32)
    readings, strengths = [Reading(weight, FOUR)], (0.0, 0.75)
    plain, equalized = (fit_equalized(observer, readings, FOUR, factors(observer, strength)) for strength in strengths)
    assert equalized.error < plain.error


def test_steps_of_codes_repeat_over_the_pixel_shuffle():
    grid = GridQuantizer(8, 0.5, 0, np.arange(8, dtype=np.int16))
    spec = LayerSpec(np.zeros((1, 2, 1, 1), np.int8), np.ones(1, np.float32), 8, grid)
    uneven = replace(spec, equalization=np.array([1, 2], np.float32))
    assert direct_steps(form_of("a", uneven, 0, 2), 2).tolist() == [0.5] * 4 + [1.0] * 4
    assert stream_ratio(2.0, form_of("a", spec, 0, 2)).tolist() == [4.0, 4.0]


@pytest.mark.parametrize("name", ["edsr", "srresnet"])
def test_factors_of_two_on_steps_and_weights_change_no_byte(pictures, name):
    """Scaling a channel's factor by 2 and a grid that is fine enough leaves real steps and weights the same numbers."""
    network = small_network(name)
    spec = quantize_network(network, pictures, Settings(8, 8, equalize=False))
    doubled = {}
    for key, layer in spec.layers.items():
        if layer.input is not None:
            twos = np.full(layer.weight.shape[1], 2, np.float32)
            halved = replace(layer.input, step=layer.input.step / 2)
            layer = replace(layer, input=halved, equalization=twos, weight_scale=layer.weight_scale * 2)
        doubled[key] = layer
    picture = np.random.default_rng(1).integers(0, 256, (13, 17, 3)).astype(np.uint8)
    assert np.array_equal(IntegerReference(spec)(picture), IntegerReference(replace(spec, layers=doubled))(picture))


@pytest.mark.parametrize("name", ["edsr", "srresnet"])
def test_the_reference_is_near_the_simulation_and_the_file_keeps_the_factors(pictures, tmp_path, name):
    spec = quantize_network(small_network(name), pictures, Settings(8, 8, colours=False))
    assert any(layer.equalization is not None and np.ptp(layer.equalization) > 0 for layer in spec.layers.values())
    save_spec(spec, tmp_path / "a.srq")
    loaded = load_spec(tmp_path / "a.srq")
    for key, layer in spec.layers.items():
        assert np.array_equal(loaded.layers[key].equalization, layer.equalization) or layer.equalization is None
    picture = np.random.default_rng(1).integers(0, 256, (13, 17, 3)).astype(np.uint8)
    difference = IntegerReference(loaded)(picture).astype(int) - Simulation(spec)(picture)
    assert np.abs(difference).mean() < 0.5 and np.abs(difference).max() <= 4  # the border's padding colour is a whole pixel
