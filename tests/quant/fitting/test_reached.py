"""Ranges hold what saturated colours need, also where the calibration pictures show none of it."""

import numpy as np
import pytest
import torch
from small_network import small_network, small_pictures
from torch.nn import functional

from tvm_srq.data.pictures import write_picture
from tvm_srq.graph.builder import GraphBuilder
from tvm_srq.graph.graph import PICTURE, Graph, PictureFormat
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.networks import load_graph
from tvm_srq.quant.fitting.calibrate import quantize_network
from tvm_srq.quant.fitting.reached import colour_shifts, flat_inputs, reached_by
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.quant.reports.flat_colours import colour_errors, middle_colours, shown
from tvm_srq.quant.reports.sensitivity import quantized_layer
from tvm_srq.quant.statistics.observers import Observer


@pytest.fixture(scope="module")
def pale(tmp_path_factory):
    """Pictures with little colour."""
    folder, random = tmp_path_factory.mktemp("pale"), np.random.default_rng(0)
    for index in range(4):
        grey, colour = random.integers(40, 216, (6, 6, 1)), random.integers(-8, 9, (6, 6, 3))
        write_picture(folder / f"{index}.png", (grey + colour).repeat(8, 0).repeat(8, 1).astype(np.uint8))
    return folder


@pytest.mark.parametrize("bits, most", [(8, 1.0), (4, 2.5)])
def test_saturated_colours_survive_a_calibration_on_pale_pictures(bits, most, pale, default_checkpoint):
    network = GraphNetwork(load_graph(default_checkpoint))
    settings = {"weight_bits": bits, "activation_bits": bits, "widening": False, "compensation": False}
    with_colours, without = (
        colour_errors(network, quantize_network(network, pale, Settings(**settings, colours=colours)))
        for colours in (True, False)
    )
    assert with_colours.worst <= most < without.worst / 4


def side_by_side() -> Graph:
    """A picture in three colours behind a concatenation of luma and colour differences, as convolutions of one pixel."""
    builder, to_luma = GraphBuilder(), np.array([[1, 1, 1]]) / 3
    to_colours, back = np.array([[1, -1, 0], [0, 1, -1]]), np.linalg.inv(np.array([[1, 1, 1], [3, -3, 0], [0, 3, -3]]) / 3)
    luma, colours = (
        builder.convolution(name, PICTURE, weight[:, :, None, None].astype(np.float32), None)
        for name, weight in (("luma", to_luma), ("colours", to_colours))
    )
    joined = builder.add("concat", "joined", [luma, colours])
    whole = builder.convolution("whole", joined, back[:, :, None, None].astype(np.float32), None)
    last = builder.convolution("last", whole, np.eye(3, dtype=np.float32)[:, :, None, None], None)
    return builder.build(PictureFormat(3), last)


def test_values_side_by_side_hold_colours_too(pale):
    network = GraphNetwork(side_by_side())
    settings = {"weight_bits": 8, "activation_bits": 8, "compensation": False}
    with_colours, without = (
        colour_errors(network, quantize_network(network, pale, Settings(**settings, colours=colours)))
        for colours in (True, False)
    )
    assert with_colours.worst < without.worst / 20


def test_inputs_are_every_combination_of_levels():
    graph = small_network().graph
    inputs = flat_inputs(graph)
    assert inputs.shape == (64, 3, 16, 16) and (inputs == inputs[:, :, :1, :1]).all()
    assert len(torch.unique(inputs[:, :, 0, 0], dim=0)) == 64
    assert inputs.min() == 0 and inputs.max() == graph.picture.white


def test_what_colours_reach_is_that_of_all_pictures_together():
    network = small_network()
    inputs = flat_inputs(network.graph)
    found = reached_by(network, inputs)
    with torch.no_grad():
        outputs = [network(batch) for batch in inputs.split(1)]
    output = found.extremes[network.graph.output]
    np.testing.assert_allclose(output.minima, torch.cat(outputs).amin((0, 2, 3)), rtol=1e-4)
    assert found.largest[network.graph.output] == max(output.maximum, -output.minimum)
    assert found.largest[PICTURE] == network.graph.picture.white


def test_moments_are_those_of_patches_far_from_the_border():
    network = small_network()
    inputs = flat_inputs(network.graph)
    patches = functional.unfold(inputs[:, :, 7:10, 7:10], 3)[:, :, 0]
    expected = patches.T @ patches / len(patches)
    np.testing.assert_allclose(reached_by(network, inputs).moments(PICTURE, 3), expected, rtol=1e-4)


def test_extremes_are_those_of_both_and_samples_stay():
    network = small_network()
    reached = reached_by(network, flat_inputs(network.graph)).extremes["body.0.body.0"]
    own = Observer(reached.minima - 1, reached.maxima - 1, [np.zeros((8, 2), np.float32)])
    both = own.reaching(reached)
    assert np.array_equal(both.minima, own.minima) and np.array_equal(both.maxima, reached.maxima)
    assert both.samples is own.samples


def test_errors_that_the_picture_does_not_show_do_not_count():
    picture = small_network().graph.picture
    output = torch.tensor([-5.0, 300.0]) * picture.grey_level
    assert shown(output, picture).tolist() == [0, 255]


def test_a_layer_s_shift_is_that_of_the_network_with_it_alone_quantized(tmp_path):
    network = small_network()
    spec = quantize_network(network, small_pictures(tmp_path), Settings(4, 4, widening=False, compensation=False))
    flat, picture, name = flat_inputs(network.graph), network.graph.picture, "body.0.body.0"
    with torch.no_grad():
        exact = middle_colours(network(flat), picture)
        with quantized_layer(network.convolution(name), spec.layers[name]):
            alone = middle_colours(network(flat), picture)
    assert colour_shifts(network, spec, flat)[name] == pytest.approx(float((alone - exact).abs().max()), abs=1e-4)


def test_colours_are_left_out_on_request(tmp_path):
    pictures, settings = small_pictures(tmp_path), Settings(8, 8, colours=False)
    assert not settings.holds_colours and Settings(8, 8).holds_colours and not Settings(8, 8, grid="free").holds_colours
    assert quantize_network(small_network(), pictures, settings).metadata["colours"] is False
