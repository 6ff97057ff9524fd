"""Which layers get their input in two parts: those that lose most, where that is visible, and no more than it takes."""

import numpy as np
import pytest
from small_network import small_network, small_pictures
from small_networks import Network

from tvm_srq.graph.graph import PICTURE
from tvm_srq.quant.fitting.calibrate import quantize_network
from tvm_srq.quant.fitting.two_parts import steps_of
from tvm_srq.quant.policy import splitting
from tvm_srq.quant.policy.sensitive import work_of
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.quant.policy.table import Row


@pytest.fixture
def pictures(tmp_path):
    return small_pictures(tmp_path)


@pytest.fixture
def strict(monkeypatch):
    """Everything is visible, and layers may be split whatever their work."""
    monkeypatch.setattr(splitting, "VISIBLE", 0.0)
    monkeypatch.setattr(splitting, "LEFT", 0.0)
    monkeypatch.setattr(splitting, "LEAST_SHARE", 0.0)
    monkeypatch.setattr(splitting, "MOST_COST", 100.0)


def split(pictures, **settings) -> set[str]:
    return set(steps_of(quantize_network(small_network(), pictures, Settings(8, 8, **settings)).graph))


def test_all_layers_that_read_codes_are_where_everything_is_visible(pictures, strict):
    names = {node.name for node in small_network().graph.convolutions()}
    assert split(pictures) == names - {"head.0"}


def test_none_is_where_it_is_not_wanted_or_would_not_be_seen(pictures, strict, monkeypatch):
    assert split(pictures, splitting=False) == split(pictures, zero_points=False) == split(pictures, equalize=False) == set()
    monkeypatch.setattr(splitting, "VISIBLE", 1e6)
    monkeypatch.setattr(splitting, "MOST_SHIFT", 1e6)
    assert split(pictures) == set()


def test_layers_that_a_table_speaks_of_are_left_as_it_says(pictures, strict):
    table = {name: tuple(Row(name, 8, 8)) for name in ("body.0.body.0", "body.1.body.0")}
    assert not split(pictures, table=table) & table.keys()


def test_layers_of_few_bits_are_not_split(pictures, strict):
    spec = quantize_network(small_network(), pictures, Settings(4, 4, widening=False))
    narrow = {name for name, layer in spec.layers.items() if layer.input is not None and layer.input.bits < 8}
    assert narrow and not narrow & steps_of(spec.graph).keys()


def test_convolutions_of_one_pixel_cost_more_than_they_multiply():
    """Two of 8 channels, one of them 1x1: the steps around both are alike."""
    network = Network()
    first = network.convolution("first", PICTURE, 8, 3)
    pixel = network.builder.convolution("pixel", first, np.ones((8, 8, 1, 1), np.float32), None)
    graph = network.finish(network.convolution("inner", pixel, 8, 8), 8)
    cost, work = splitting.cost_of(graph), work_of(graph)
    assert cost["inner"] - work["inner"] == pytest.approx(cost["pixel"] - work["pixel"])
    assert cost["pixel"] > 20 * work["pixel"]
