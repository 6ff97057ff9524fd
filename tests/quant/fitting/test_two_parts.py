"""Inputs in two parts: the same network in floats, finer in codes, the same through tables and analyses."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_network import small_network, small_pictures
from small_networks import NETWORKS

from tvm_srq.data.pictures import list_pictures, read_picture
from tvm_srq.graph.builder import check
from tvm_srq.graph.network import GraphNetwork, as_batch
from tvm_srq.quant.coded_values import reads_pixels
from tvm_srq.quant.fitting.calibrate import quantize_network
from tvm_srq.quant.fitting.two_parts import CODES, coarse_grid, in_two_parts, like, steps_of, whole_layer
from tvm_srq.quant.policy import splitting
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.quant.policy.table import TWO_PARTS, Row, read_table, rows_of_spec, write_table
from tvm_srq.quant.reports.sensitivity import quantized_layer
from tvm_srq.quant.statistics.observers import Observer
from tvm_srq.spec import QuantSpec

NAME = "body.0.body.0"


@given(st.floats(1e-4, 10.0), st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_floats_are_the_same_whatever_the_step(step, seed):
    network = small_network()
    split = GraphNetwork(check(in_two_parts(network.graph, {NAME: float(np.float32(step))})))
    picture = torch.rand((1, 3, 8, 8), generator=torch.Generator().manual_seed(seed)) * network.graph.picture.white
    with torch.no_grad():
        torch.testing.assert_close(split(picture), network(picture), rtol=1e-4, atol=1e-4 * network.graph.picture.white)


@given(st.floats(-1e4, 0.0), st.floats(1e-3, 1e4))
def test_coarse_codes_hold_all_that_was_seen(low, high):
    grid = coarse_grid([Observer(np.array([end], np.float32), np.array([end], np.float32)) for end in (low, high)])
    assert grid.step == np.float32(grid.step)
    assert grid.ends[0] <= np.float32(low) and np.float32(high) <= grid.ends[1]
    assert grid.ends[1] - grid.ends[0] == pytest.approx(CODES * grid.step)


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """A network quantized with one layer's input in two parts, because a table asks for it, and no other's."""
    monkeypatch.setattr(splitting, "VISIBLE", 1e6)
    monkeypatch.setattr(splitting, "MOST_SHIFT", 1e6)
    pictures = small_pictures(tmp_path)
    table = {NAME: tuple(Row(NAME, 8, TWO_PARTS))}
    return pictures, quantize_network(small_network(), pictures, Settings(8, 8, table=table))


def test_a_table_asks_for_two_parts(asked):
    _, spec = asked
    assert list(steps_of(spec.graph)) == [NAME]
    coarse, remainder = spec.layers[NAME], spec.layers[f"{NAME}_remainder"]
    step = steps_of(spec.graph)[NAME]
    assert coarse.input.step == step and (coarse.equalization == 1).all()  # codes are the multiples themselves
    assert remainder.input.step * remainder.equalization.max() < step / 64
    assert whole_layer(spec.graph, f"{NAME}_remainder") == NAME and whole_layer(spec.graph, "head") == "head"


def error_of_inputs(network: GraphNetwork, spec: QuantSpec, names: set[str], pictures: Path) -> float:
    """Mean square in the output of what these layers' inputs lose, those of their remainders too."""
    network = like(network, spec.graph)
    picture = as_batch(read_picture(list_pictures(pictures)[0], network.graph.picture.channels), network.graph)
    with torch.no_grad(), ExitStack() as stack:
        exact = network(picture)
        for name in spec.layers:
            if whole_layer(spec.graph, name) in names:
                stack.enter_context(quantized_layer(network.convolution(name), spec.layers[name], weights=False))
        return float((network(picture) - exact).square().mean())


def test_two_parts_lose_a_hundredth_of_what_the_whole_input_loses(asked):
    pictures, spec = asked
    whole = quantize_network(small_network(), pictures, Settings(8, 8, splitting=False))
    errors = [error_of_inputs(small_network(), each, {NAME}, pictures) for each in (spec, whole)]
    assert errors[0] < errors[1] / 100


@pytest.mark.parametrize("name", NETWORKS)
def test_whatever_inputs_are_made_of_two_parts_lose_less(tmp_path, name):
    """Repeated pixels, maps side by side, channels set apart."""
    network, pictures = GraphNetwork(NETWORKS[name]()), small_pictures(tmp_path)
    graph = network.graph
    coded = [node.name for node in graph.convolutions() if not reads_pixels(graph, node)]
    split = {name for name in coded if name not in steps_of(graph) and whole_layer(graph, name) == name}
    plain = Settings(8, 8, rounding="nearest", compensation=False)
    whole = quantize_network(network, pictures, replace(plain, splitting=False))
    spec = quantize_network(network, pictures, replace(plain, table={name: tuple(Row(name, 8, TWO_PARTS)) for name in split}))
    assert split <= steps_of(spec.graph).keys()
    assert error_of_inputs(network, spec, split, pictures) < error_of_inputs(network, whole, split, pictures) / 10


def test_the_float_network_is_brought_to_the_same_parts(asked):
    _, spec = asked
    network = like(small_network(), spec.graph)
    assert [node.name for node in network.graph.nodes] == [node.name for node in spec.graph.nodes]
    assert like(network, spec.graph) is network


def test_tables_name_a_layer_in_two_parts_once(asked, tmp_path):
    pictures, spec = asked
    file = tmp_path / "table.csv"
    file.write_text(write_table(rows_of_spec(spec)))
    rows = read_table(file, small_network().graph)
    assert rows[NAME] == Row(NAME, 8, TWO_PARTS)
    again = quantize_network(small_network(), pictures, Settings(8, 8, table={name: tuple(row) for name, row in rows.items()}))
    assert steps_of(again.graph) == steps_of(spec.graph)
