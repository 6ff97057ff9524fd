"""Quantization-aware training: nearer to the ground truth, everything of it in the file, and bit for bit the same again."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_network import small_graph, small_network, small_pictures, with_batch_norm

from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.data.datasets import paired
from tvm_srq.data.pictures import list_pictures, read_picture, write_picture
from tvm_srq.errors import UserError
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.quant.baselines.learned_range import FORMS
from tvm_srq.quant.baselines.qat import AwareSchedule, let_all_train, parameter_groups, quantize_aware, train_aware, training
from tvm_srq.quant.baselines.sensitivity_aware import learned_network
from tvm_srq.quant.fitting.calibrate import quantize_network, statistics_for
from tvm_srq.quant.policy.edges import edge_layers
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.quant.simulate import Simulation
from tvm_srq.spec_file import load_spec, save_spec

SHORT = AwareSchedule(steps=3, batch=2, patch=16)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Ground truth of 64x64 and its low-resolution pictures."""
    high, low = (tmp_path_factory.mktemp(name) for name in ("high", "low"))
    for path in list_pictures(small_pictures(high, side=64)):
        write_picture(low / f"{path.stem}x2.png", resize_bicubic(read_picture(path), 1 / 2))
    return low, high


def difference(run, folders) -> float:
    """Mean absolute difference to the ground truth, in grey levels."""
    return float(np.mean([np.abs(run(low).astype(int) - high).mean() for _, low, high in paired(*folders, 2)]))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("family", ["edsr", "srresnet"])
def test_training_gets_nearer_to_the_ground_truth_in_integers(form, family, folders, tmp_path):
    schedule = AwareSchedule(steps=60, batch=4, patch=16, rate=1e-3)
    first, last = (spec for _, spec in training(small_network(family), *folders, Settings(), form, schedule, [0, 60]))
    save_spec(last, tmp_path / "a.srq")
    loaded = IntegerReference(load_spec(tmp_path / "a.srq"))
    before, after = difference(IntegerReference(first), folders), difference(loaded, folders)
    assert after < 0.9 * before


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("family", ["edsr", "srresnet"])
def test_what_was_trained_is_what_runs_in_integers(form, family, folders):
    schedule = replace(SHORT, steps=20, rate=1e-3)
    spec = train_aware(small_network(family), *folders, Settings(8, 8), form, schedule)  # finely: a flipped code is little
    low = read_picture(list_pictures(folders[0])[0])
    assert np.abs(IntegerReference(spec)(low).astype(int) - Simulation(spec)(low)).mean() < 1


def test_all_that_the_network_has_is_trained_and_constants_are_not(folders):
    network = GraphNetwork(with_batch_norm(small_graph("srresnet"), "body.0.act"))
    spec = train_aware(network, *folders, Settings(), "pams", replace(SHORT, steps=0))
    trained = train_aware(network, *folders, Settings(), "pams", SHORT)
    exact = network.graph.parameters
    assert all(np.array_equal(value, exact[name]) for name, value in spec.graph.parameters.items())
    assert spec.graph.parameters.keys() == trained.graph.parameters.keys() == exact.keys()
    changed = {name for name, value in trained.graph.parameters.items() if not np.array_equal(value, exact[name])}
    weights = {f"{name}.weight" for name in spec.layers}  # those of the file are the layers' codes
    empty = {name for name, value in exact.items() if not value.any()}  # a magnitude of zero still has a rate
    assert changed == set(exact) - weights and empty and empty <= changed
    assert {"body.0.act.norm.multiplier", "body.0.act.norm.offset", "head.1.slope", "tail.bias"} <= changed
    for name, layer in trained.layers.items():
        assert not np.array_equal(layer.weight_scale, spec.layers[name].weight_scale)


def test_constants_of_the_network_stay(folders):
    edsr = small_network("edsr")
    trained = train_aware(edsr, *folders, Settings(), "ddtb", SHORT).graph.parameters
    shifts = [name for name in trained if "_mean" in name]
    assert len(shifts) == 4 and all(np.array_equal(trained[name], edsr.graph.parameters[name]) for name in shifts)


def test_layers_follow_the_policy(folders):
    network = small_network("edsr")
    edges = edge_layers(network.graph)
    spec = train_aware(network, *folders, Settings(3, 3), "ddtb", SHORT)
    for name, layer in spec.layers.items():
        bits = 8 if name in edges else 3
        assert layer.weight_bits == bits and np.abs(layer.weight).max() <= 2 ** (bits - 1) - 1
        assert layer.input is None if name == "head.0" else len(layer.input.levels) == 2**bits


def test_the_rate_goes_with_the_magnitude(folders):
    network = small_network("edsr")
    settings = Settings(rounding="nearest", equalize=False, quantizer="minmax")
    statistics = statistics_for(network, folders[0], settings)
    start = quantize_network(network, folders[0], settings, statistics)
    student = learned_network(network, statistics.values, settings, FORMS["pams"])
    let_all_train(student, start)
    head = student.get_submodule("head.0")
    with torch.no_grad():
        head.weight.fill_(0.0005)
        head.bias.zero_()
    groups = parameter_groups(student, start, AwareSchedule())
    rates = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    assert rates[id(head.weight)] == pytest.approx(1e-6) and rates[id(head.bias)] == pytest.approx(1e-4)
    assert rates[id(head.bound)] == AwareSchedule().bound_rate
    trained = [parameter for parameter in student.parameters() if parameter.requires_grad]
    assert {id(parameter) for parameter in trained} == rates.keys() and len(trained) == sum(len(g["params"]) for g in groups)


def test_training_repeats_bit_for_bit(folders):
    network = small_network("edsr")
    runs = [train_aware(network, *folders, Settings(), "pams", SHORT, seed) for seed in (5, 5, 6)]
    weights = [runs[i].graph.parameters["body.0.body.0.bias"].tolist() + runs[i].metadata["qat_losses"] for i in range(3)]
    assert weights[0] == weights[1] != weights[2]
    for name, layer in runs[0].layers.items():
        other = runs[1].layers[name]
        assert np.array_equal(layer.weight, other.weight) and np.array_equal(layer.weight_scale, other.weight_scale)


def test_stops_on_the_way_do_not_change_what_follows(folders):
    network = small_network("edsr")
    *_, (_, stopped) = training(network, *folders, Settings(), "pams", SHORT, [0, 1, 3])
    assert stopped.metadata == train_aware(network, *folders, Settings(), "pams", SHORT).metadata


def test_bad_input_is_told(folders):
    network = small_network("edsr")
    with pytest.raises(UserError, match="form lsq of quantization-aware training is none of pams, ddtb"):
        quantize_aware(network, *folders, 4, "lsq", 1)
    with pytest.raises(UserError, match="picture 0 is smaller than a training patch of 48"):
        quantize_aware(network, *folders, 4, "pams", 1)
    with pytest.raises(UserError, match="does not exist"):
        train_aware(network, folders[0] / "none", folders[1], Settings(), "pams", SHORT)
