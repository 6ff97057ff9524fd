"""Layers are held wider by their measured harm for their work, and only as far as it takes."""

from dataclasses import astuple, replace

import pytest
import torch
from small_network import small_network, small_pictures

from tvm_srq.graph.network import GraphNetwork
from tvm_srq.quant.fitting.calibrate import quantize_network
from tvm_srq.quant.policy import sensitive
from tvm_srq.quant.policy.policy import Policy
from tvm_srq.quant.policy.sensitive import MOST_WORK, VISIBLE, WIDE, most_harmful, wider, work_of
from tvm_srq.quant.policy.settings import IN_RANGE, Precision, Settings


@pytest.fixture
def folder(tmp_path):
    return small_pictures(tmp_path)


def test_nothing_is_wider_where_nothing_would_be_visible():
    assert most_harmful({"a": VISIBLE / 2, "b": VISIBLE / 2}, {"a": 0.1, "b": 0.1}, VISIBLE) == []


def test_most_error_for_the_work_comes_first_and_no_more_than_it_takes():
    work = {"a": 0.2, "b": 0.02, "c": 0.2}
    assert most_harmful({"a": VISIBLE, "b": VISIBLE, "c": VISIBLE / 2}, work, VISIBLE) == ["b", "a"]


def test_the_work_of_wide_layers_is_limited():
    work = {"a": MOST_WORK - 0.1, "b": 0.2, "c": 0.1}
    found = most_harmful({"a": 10 * VISIBLE, "b": 5 * VISIBLE, "c": 2 * VISIBLE}, work, VISIBLE)
    assert found == ["a", "c"]


def test_work_is_shared_by_multiplications():
    graph = small_network().graph
    work = work_of(graph)
    assert sum(work.values()) == pytest.approx(1)
    assert set(work) == {node.name for node in graph.convolutions()}


def test_layers_that_shift_colours_come_first_also_where_errors_are_not_visible():
    errors, work = {"a": VISIBLE / 4, "b": VISIBLE / 2, "c": VISIBLE / 8}, {"a": 0.1, "b": 0.1, "c": 0.4}
    assert most_harmful(errors, work, VISIBLE, {"c", "a"}) == ["a", "c"]
    assert most_harmful(errors, work, VISIBLE / 4, {"c"}) == ["c", "b"]


def harmed(network: GraphNetwork) -> GraphNetwork:
    """The network with a gain behind it that makes every error visible."""
    graph = network.graph
    picture = replace(graph.picture, output_range=tuple(end / 1000 for end in graph.picture.output_range))
    return GraphNetwork(replace(graph, picture=picture))


def test_sensitive_layers_are_held_wider_unless_told_otherwise(folder):
    network = harmed(small_network())
    narrow = quantize_network(network, folder, Settings(widening=False, splitting=False, compensation=False))
    spec = quantize_network(network, folder, Settings(splitting=False, compensation=False))
    widened = spec.metadata["precisions"]
    assert widened and narrow.metadata["precisions"] == {}
    policy = Policy(network.graph, Settings())
    for name, layer in spec.layers.items():
        expected = Precision(*widened[name]) if name in widened else policy.precision(name)
        assert name not in widened or expected in (wider(policy, name), WIDE)
        assert (layer.weight_bits, layer.weight_limit) == (expected.weight_bits, expected.weight_magnitude)
    work = work_of(network.graph)
    assert sum(work[name] for name in widened) <= MOST_WORK


@pytest.mark.parametrize(("distances", "wanted"), [([0.5], [2]), ([4.0, 0.5], [2, 3]), ([4.0, 4.0, 4.0], [2, 3, 4])])
def test_more_is_held_wider_while_the_whole_network_is_further_off_than_its_layers_say(folder, monkeypatch, distances, wanted):
    network = small_network()
    policy = Policy(network.graph, Settings())
    spec = quantize_network(network, folder, Settings(8, 8, splitting=False, compensation=False))
    batches = [torch.zeros(1, 3, 8, 8)]
    found = sensitive.Sensitive(network, spec, policy, batches, [network(batch) for batch in batches])
    names = [node.name for node in network.graph.convolutions() if node.name not in policy.edges][:4]
    found.errors, found.visible = dict(zip(names, (8.0, 4.0, 0.6, 0.2), strict=True)), 1.0
    monkeypatch.setattr(sensitive, "MOST_WORK", 1.0)
    monkeypatch.setattr(found, "still_harmful", lambda *_: {})
    seen, said = [], iter(distances)
    monkeypatch.setattr(sensitive, "simulated_distance", lambda *_: next(said))

    def fit(precisions):
        seen.append(len(precisions))
        return spec

    assert len(found.widths(fit)) == wanted[-1] and seen == wanted


@pytest.mark.parametrize(("errors", "chosen"), [((8.0, 0.1, 0.1), 1), ((0.05, 0.05, 0.05), 0), ((8.0, 8.0, 8.0), 3)])
def test_layers_of_6_bits_that_lose_most_of_what_is_lost_get_8(folder, monkeypatch, errors, chosen):
    network = small_network()
    policy = Policy(network.graph, Settings())
    spec = quantize_network(network, folder, Settings(8, 8, splitting=False, compensation=False))
    batches = [torch.zeros(1, 3, 8, 8)]
    found = sensitive.Sensitive(network, spec, policy, batches, [network(batch) for batch in batches])
    names = [node.name for node in network.graph.convolutions() if node.name not in policy.edges]
    found.errors, found.visible = dict.fromkeys(names, 0.5), 1.0
    held = {name: astuple(IN_RANGE) for name in names[:3]}
    monkeypatch.setattr(found, "harm", lambda _, these: (dict(zip(these, errors, strict=True)), set()))
    monkeypatch.setattr(sensitive, "MOST_DIRECT", 1.0)
    assert found.still_harmful(held, lambda _: spec) == {name: astuple(WIDE) for name in names[:chosen]}


def test_3x3_kernels_stay_where_winograd_takes_them(folder):
    network = small_network()
    policy = Policy(network.graph, Settings())
    body = [node.name for node in network.graph.convolutions() if node.name not in policy.edges]
    assert all(wider(policy, name) == IN_RANGE for name in body if network.convolution(name).kernel_size == (3, 3))


def test_wide_codes_are_not_measured(folder, monkeypatch):
    monkeypatch.setattr(sensitive, "measure_layers", lambda *_: pytest.fail("measured for nothing"))
    quantize_network(small_network(), folder, Settings(8, 8, splitting=False, compensation=False))


def test_layers_that_are_spoken_of_stay(folder):
    network = harmed(small_network())
    body = next(node.name for node in network.graph.convolutions() if node.name not in Policy(network.graph, Settings()).edges)
    settings = Settings(splitting=False, compensation=False, precisions={body: (4, 7, 4, 31)})
    spec = quantize_network(network, folder, settings)
    assert spec.layers[body].weight_bits == 4
