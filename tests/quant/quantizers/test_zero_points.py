"""Zero points by channel: placed well, exact in the reference, kept in the file."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_network import small_network, small_pictures

from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.quant.fitting.calibrate import Settings, quantize_network
from tvm_srq.quant.fitting.equalize import Reading, by_strength
from tvm_srq.quant.fitting.pictures import telling_crops
from tvm_srq.quant.policy.settings import Precision
from tvm_srq.quant.quantizers.zero_points import Ranges, code_ends, fit_placed, place, quantized
from tvm_srq.quant.simulate import Simulation
from tvm_srq.quant.statistics.observers import Observer
from tvm_srq.requantize import without_zero_point
from tvm_srq.spec_file import load_spec, save_spec

EIGHT, SIX_IN_RANGE = Precision(8, 127, 8, None), Precision(5, 14, 6, 31)


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    return quantize_network(small_network(), small_pictures(tmp_path_factory.mktemp("pictures")), Settings(8, 8))


def test_codes_lie_around_zero_within_bits_and_magnitude():
    assert code_ends(EIGHT) == (-128, 127)
    assert code_ends(SIX_IN_RANGE) == (-31, 31)
    assert code_ends(Precision(8, 127, 6, None)) == (-32, 31)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=9), st.sampled_from([0, 0.5, 1]),
       st.sampled_from([EIGHT, SIX_IN_RANGE]))  # fmt: skip
def test_every_channel_s_range_fits_its_codes(ends, strength, precision):
    channels = Ranges(-np.array([low for low, _ in ends]), np.array([high for _, high in ends]))
    factors = by_strength(channels.width, strength)
    quantizer, zero_point = place(channels, precision, factors)
    values = np.linspace(channels.lower, channels.upper, 50, axis=1)
    error = np.abs(quantized(values, quantizer, factors, zero_point) - values)
    # the zero point is rounded, so an end of a full range may lie half a step outside
    assert (error <= 1.01 * quantizer.step * factors[:, None] + 1e-12).all()
    assert (zero_point[channels.lower == 0] == quantizer.low).all()


def test_full_strength_gives_one_sided_channels_twice_the_codes():
    observer = Observer()
    observer.update(torch.rand(1, 4, 32, 32, generator=torch.Generator().manual_seed(0)), torch.Generator().manual_seed(0))
    weight = np.random.default_rng(0).normal(size=(8, 4, 3, 3)).astype(np.float32)
    fit = fit_placed(observer, [Reading(weight, SIX_IN_RANGE)], SIX_IN_RANGE, np.ones(4, np.float32), [1.0])[0]
    assert (fit.zero_point == -31).all() and fit.quantizer.step == pytest.approx(1 / 62, rel=0.05)


def test_starts_make_up_for_zero_points_in_grouped_convolutions_too():
    weight = np.arange(8, dtype=np.int8).reshape(4, 2, 1, 1)
    start = without_zero_point(np.zeros(4, np.int32), weight, np.array([1, 10, 100, 1000], np.int16))
    assert start.tolist() == [-10, -32, -5400, -7600]


def test_moving_codes_and_zero_points_together_changes_no_byte(spec):
    assert any(layer.zero_point is not None and layer.zero_point.any() for layer in spec.layers.values())
    moved = {}
    for name, layer in spec.layers.items():
        if layer.zero_point is not None:
            quantizer = replace(layer.input, low=layer.input.low - 5, levels=layer.input.levels - 5)
            layer = replace(layer, input=quantizer, zero_point=layer.zero_point - 5)
        moved[name] = layer
    picture = np.random.default_rng(1).integers(0, 256, (13, 17, 3)).astype(np.uint8)
    assert np.array_equal(IntegerReference(spec)(picture), IntegerReference(replace(spec, layers=moved))(picture))


def test_the_file_keeps_them_and_the_reference_is_near_the_simulation(spec, tmp_path):
    save_spec(spec, tmp_path / "a.srq")
    loaded = load_spec(tmp_path / "a.srq")
    for name, layer in spec.layers.items():
        assert (layer.zero_point is None) == (loaded.layers[name].zero_point is None)
        assert layer.zero_point is None or np.array_equal(loaded.layers[name].zero_point, layer.zero_point)
    picture = np.random.default_rng(1).integers(0, 256, (13, 17, 3)).astype(np.uint8)
    difference = IntegerReference(loaded)(picture).astype(int) - Simulation(spec)(picture)
    assert np.abs(difference).mean() < 0.5


def test_a_held_out_crop_lies_where_contrast_is_strongest():
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[30, 50] = 255
    centre, strongest = telling_crops(picture, 16)
    assert centre.shape == strongest.shape == (16, 16, 3) and strongest.max() == 255 and centre.max() == 0
    assert [crop.shape for crop in telling_crops(np.zeros((1, 5, 3), np.uint8), 16)] == [(1, 5, 3)] * 2
