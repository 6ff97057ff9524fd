"""Errors of flat colours: as the picture shows them, larger where codes end too early, and told in words."""

from dataclasses import replace

import numpy as np
import pytest
from small_network import small_network, small_pictures

from tvm_srq.graph.float_runner import GraphRunner
from tvm_srq.quant.fitting.calibrate import Settings, quantize_network
from tvm_srq.quant.reports.flat_colours import ColourErrors, colour_errors
from tvm_srq.quant.simulate import Simulation
from tvm_srq.spec import QuantSpec


@pytest.fixture(scope="module")
def quantized(tmp_path_factory):
    network = small_network()
    return network, quantize_network(network, small_pictures(tmp_path_factory.mktemp("pictures")), Settings(8, 8))


def with_all_codes_halved(spec: QuantSpec) -> QuantSpec:
    """Ranges that hold half of what they held."""
    layers = {
        name: layer if layer.input is None else replace(layer, input=replace(layer.input, step=layer.input.step / 2))
        for name, layer in spec.layers.items()
    }
    return replace(spec, layers=layers)


def test_what_is_measured_is_the_middle_of_the_picture_as_it_is_shown(quantized):
    network, spec = quantized
    found = colour_errors(network, spec)
    index = found.colours.tolist().index([255, 0, 64])
    picture = np.full((24, 24, 3), [255, 0, 64], np.uint8)
    runners = GraphRunner(network), Simulation(spec)
    exact, simulated = (runner(picture).astype(float)[12:36, 12:36].mean((0, 1)) for runner in runners)
    np.testing.assert_allclose(found.exact[index], exact, atol=0.5)  # those are rounded
    np.testing.assert_allclose(found.errors[index], simulated - exact, atol=1)


def test_ranges_that_end_too_early_shift_colours(quantized):
    network, spec = quantized
    whole, halved = colour_errors(network, spec), colour_errors(network, with_all_codes_halved(spec))
    assert halved.worst > 2 * whole.worst > 0
    np.testing.assert_array_equal(halved.exact, whole.exact)


def test_the_worst_colour_is_told():
    colours = np.array([[0, 0, 0], [255, 0, 64]], np.uint8)
    errors = np.array([[0.5, 0.0, 0.0], [-9.5, 0.25, 1.0]])
    found = ColourErrors(colours, np.zeros((2, 3)), errors)
    assert found.worst == 9.5
    assert found.in_words() == (
        "flat colours: off by 1.88 grey levels on average, at worst (255, 0, 64) by (-9.5, +0.2, +1.0)"
    )
