"""Grids that readers of a value share while they are trained: steps stay equal, codes stay what they were."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sketch import Sketch
from small_network import small_pictures

from tvm_srq.data.pictures import list_pictures, read_picture
from tvm_srq.graph.graph import PICTURE, Graph
from tvm_srq.graph.network import GraphNetwork, as_batch
from tvm_srq.lowering.codes import find_code_needs
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.quant.coded_values import parts_of
from tvm_srq.quant.fitting.calibrate import quantize_network
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.quant.simulate import fake_quantize
from tvm_srq.quant.training.finetune import Schedule, finetune, parameter_groups
from tvm_srq.quant.training.input_grid import InputGrid, SharedGrids
from tvm_srq.quant.training.trainable import GRIDS, TrainableConvolution, trainable_network, trained_spec
from tvm_srq.spec import GridQuantizer, QuantSpec

SCHEDULE = Schedule(steps=12, batch=2, patch=16, pool=8, average=0.5, checks=4)
NARROW = Settings(4, 4, widening=False, compensation=False)  # as fitted at first, so that training has something to gain
WIDTHS = {"W4A4": NARROW, "W8A8": Settings(8, 8, splitting=False), "plain": Settings(8, 8, equalize=False)}


def dense_graph() -> Graph:
    sketch = Sketch()
    head = sketch.activated("head", PICTURE)
    return sketch.build(sketch.add(sketch.convolution("body", sketch.dense("x", head)), head))


def unshuffled() -> Graph:
    sketch = Sketch()
    wide = sketch.convolution("wide", sketch.activated("first", sketch.node("pixel_unshuffle", PICTURE, factor=1)), 12)
    return sketch.build(sketch.node("pixel_shuffle", wide, factor=2))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return small_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module", params=WIDTHS)
def quantized(request, pictures) -> tuple[GraphNetwork, QuantSpec, list[torch.Tensor]]:
    network = GraphNetwork(dense_graph())
    batches = [as_batch(read_picture(path), network.graph) for path in list_pictures(pictures)]
    return network, quantize_network(network, pictures, WIDTHS[request.param]), batches


def real_steps(spec: QuantSpec, name: str) -> np.ndarray:
    layer = spec.layers[name]
    channels = spec.graph.channels[spec.graph.node(name).inputs[0]]
    return layer.input.step * (np.ones(channels) if layer.equalization is None else layer.equalization.astype(np.float64))


def codes_of(spec: QuantSpec, name: str, x: torch.Tensor) -> torch.Tensor:
    """Real values of the codes of (1, C, H, W)."""
    layer = spec.layers[name]
    factors = torch.ones(x.shape[1]) if layer.equalization is None else torch.tensor(layer.equalization)
    factors = factors[:, None, None]
    return fake_quantize(x / factors, layer.input, layer.zero_point) * factors


def moved_grids(network: GraphNetwork, spec: QuantSpec) -> QuantSpec:
    """``spec`` with every shared grid's steps moved at random by a third."""
    student = trainable_network(network, spec)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for grid in student.get_submodule(GRIDS):
            grid.log_steps.add_(0.3 * torch.randn(grid.log_steps.shape, generator=generator))
    return trained_spec(student, spec)


def test_readers_of_a_value_share_a_grid(quantized):
    network, spec, _ = quantized
    grids = SharedGrids(spec)
    equalized = spec.metadata["equalize"]
    of = {name: grids.of_reader[name] for name in ("x.0", "x.1", "x.fuse", "body", "last")}
    assert "head" not in grids.of_reader
    if equalized:
        assert of["x.0"][0] is of["x.1"][0] is of["x.fuse"][0] and len(grids.grids) == 3
        assert of["x.fuse"][1] is None and of["x.1"][1].tolist() == list(range(8)) and of["x.0"][1].tolist() == [0, 1, 2, 3]
    else:
        assert len(grids.grids) == 5 and all(index is None for _, index in of.values())
    student = trainable_network(network, spec)
    steps = [name for name, _ in student.named_parameters() if name.endswith("log_steps")]
    assert steps == [f"{GRIDS}.{place}.log_steps" for place in range(len(grids.grids))]  # once, however many read it


def test_an_untrained_network_has_the_same_codes(quantized):
    network, spec, _ = quantized
    again = trained_spec(trainable_network(network, spec), spec)
    generator = torch.Generator().manual_seed(0)
    for name, layer in spec.layers.items():
        assert np.array_equal(again.layers[name].weight, layer.weight)
        if layer.input is None:
            continue
        channels = network.graph.channels[network.graph.node(name).inputs[0]]
        assert np.array_equal(again.layers[name].input.levels, layer.input.levels)
        zeros = [np.zeros(channels) if each.zero_point is None else each.zero_point for each in (again.layers[name], layer)]
        assert np.array_equal(*zeros)
        assert np.allclose(real_steps(again, name), real_steps(spec, name), rtol=1e-6)
        steps = torch.tensor(real_steps(spec, name), dtype=torch.float32)[:, None, None]
        x = steps * torch.randint(-40, 40, (1, channels, 9, 9), generator=generator) + 0.3 * steps  # no tie
        torch.testing.assert_close(codes_of(again, name, x), codes_of(spec, name, x), rtol=1e-5, atol=1e-7)


def test_training_keeps_readers_on_one_form(quantized):
    network, spec, batches = quantized
    moved = moved_grids(network, spec)
    assert not np.allclose(real_steps(moved, "x.fuse"), real_steps(spec, "x.fuse"), rtol=0.05)
    if spec.metadata["equalize"]:
        for reader in ("x.0", "x.1"):
            steps = real_steps(moved, reader)
            assert np.array_equal(steps, real_steps(moved, "x.fuse")[: len(steps)])
        assert len(find_code_needs(moved.graph, moved).maps) == len(find_code_needs(spec.graph, spec).maps) == 3
    with torch.no_grad():
        convolution = trainable_network(network, moved).get_submodule("x.0")
        assert isinstance(convolution, TrainableConvolution)
        x = network.advance({PICTURE: batches[0]}, 0, 2)["head.relu"]
        steps = torch.tensor(real_steps(moved, "x.0"), dtype=torch.float32)[:, None, None]
        different = codes_of(moved, "x.0", x) / steps - convolution.grid.rounded(x, convolution.index)
    assert float((different.abs() > 0.5).float().mean()) < 0.01  # but for ties


@pytest.mark.parametrize("quantized", ["W4A4"], indirect=True)
def test_finetuning_shares_maps_still(quantized):
    network, spec, batches = quantized
    spec = moved_grids(network, spec)  # what calibration chose leaves nothing to gain on a network this small
    trained, history = finetune(network, spec, batches, batches, replace(SCHEDULE, steps=60))
    assert min(history) < history[0]
    assert {call.step.name for call in IntegerReference(trained).program.calls} == {"convolution"}
    assert any(not np.array_equal(real_steps(trained, name), real_steps(spec, name)) for name in ("x.0", "x.fuse", "body"))


def test_gradients_of_all_readers_meet_in_the_shared_steps(quantized):
    network, spec, batches = quantized
    student = trainable_network(network, spec)
    student(batches[0]).square().sum().backward()
    for grid in student.get_submodule(GRIDS):
        assert grid.log_steps.grad is not None and bool((grid.log_steps.grad != 0).any())


def test_readers_that_disagree_have_grids_of_their_own(quantized):
    network, spec, _ = quantized
    channels = network.graph.channels[network.graph.node("x.1").inputs[0]]
    factors = np.linspace(0.5, 1, channels).astype(np.float32)
    other = replace(spec, layers={**spec.layers, "x.1": replace(spec.layers["x.1"], equalization=factors)})
    grids = SharedGrids(other)
    three = [grids.of_reader[name] for name in ("x.0", "x.1", "x.fuse")]
    assert len({id(grid) for grid, _ in three}) == 3 and all(index is None for _, index in three)
    again = trained_spec(trainable_network(network, other), other)
    assert np.allclose(real_steps(again, "x.1"), real_steps(other, "x.1"), rtol=1e-6)
    assert np.allclose(real_steps(again, "x.fuse"), real_steps(spec, "x.fuse"), rtol=1e-6)


def test_zero_points_that_disagree_part_readers_too(pictures):
    network = GraphNetwork(dense_graph())
    spec = quantize_network(network, pictures, Settings(8, 8, splitting=False))
    layer = spec.layers["x.0"]
    moved = replace(layer, zero_point=np.where(layer.zero_point < 0, layer.zero_point + 1, layer.zero_point - 1))
    grids = SharedGrids(replace(spec, layers={**spec.layers, "x.0": moved}))
    assert grids.of_reader["x.0"][0] is not grids.of_reader["x.1"][0]


def test_pixels_stay_whole_steps(pictures):
    network = GraphNetwork(unshuffled())
    spec = quantize_network(network, pictures, Settings(8, 8, splitting=False))
    student = trainable_network(network, spec)
    convolution = student.get_submodule("first")
    assert isinstance(convolution, TrainableConvolution) and not convolution.grid.log_steps.requires_grad
    trained = {id(parameter) for group in parameter_groups(student, 1.0) for parameter in group["params"]}
    assert id(convolution.grid.log_steps) not in trained and id(convolution.log_units) in trained
    snapped = trained_spec(student, spec).layers["first"]
    assert snapped.input.step == network.graph.picture.pixel and np.allclose(snapped.equalization, 1, rtol=1e-6)
    assert (snapped.zero_point == -128).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31), st.booleans(), st.integers(1, 4))
def test_a_grid_rounds_as_the_simulation(seed, zero_points, stride):
    random = np.random.default_rng(seed)
    levels = np.arange(-8, 8) if zero_points else np.repeat(np.arange(-8, 8), stride)
    quantizer = GridQuantizer(8, 0.25, -8, levels.astype(np.int16))
    factors = random.uniform(0.5, 2, 3).astype(np.float32)
    zeros = random.integers(-8, 8, 3).astype(np.int16) if zero_points else np.zeros(3, np.int16)
    grid = InputGrid.of(quantizer, factors, zeros, trained=True)
    steps = torch.tensor(quantizer.step * factors)[:, None, None]
    x = steps * (torch.randint(-30, 30, (1, 3, 5, 5), generator=torch.Generator().manual_seed(seed)) + 0.25)
    divided = torch.tensor(factors)[:, None, None]
    expected = fake_quantize(x / divided, quantizer, zeros if zero_points else None) * divided
    torch.testing.assert_close(grid.rounded(x, None).detach() * steps, expected, rtol=1e-5, atol=1e-6)
    chosen = torch.tensor([2, 0])
    torch.testing.assert_close(grid.rounded(x[:, chosen], chosen), grid.rounded(x, None)[:, chosen])


def test_parts_are_what_the_graph_says():
    graph = dense_graph()
    assert [len(parts_of(graph, graph.node(name))) for name in ("x.0", "x.1", "x.fuse")] == [1, 2, 3]
