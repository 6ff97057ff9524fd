"""Units of a graph, running them, and learning their rounding: nearer to full precision, never farther on what is held out."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from sketch import Sketch
from small_network import small_graph, small_network, small_pictures

from tvm_srq.data.pictures import list_pictures, read_picture
from tvm_srq.errors import UserError
from tvm_srq.graph.graph import PICTURE, Graph
from tvm_srq.graph.network import as_batch
from tvm_srq.quant.fitting.calibrate import Settings, quantize_network
from tvm_srq.quant.fitting.learned_rounding import RoundingSchedule
from tvm_srq.quant.fitting.units import Walk, learn_rounding, units_of
from tvm_srq.quant.simulate import Simulation
from tvm_srq.quant.training.finetune import distance

SHORT = RoundingSchedule(steps=80, batch=2, patch=24, pool=16, pull=1.0)


def names_of(graph: Graph) -> list[tuple[str, ...]]:
    return [unit.convolutions for unit in units_of(graph)]


def test_units_are_residual_blocks_and_the_convolutions_outside_any():
    blocks = [("body.0.body.0", "body.0.body.2"), ("body.1.body.0", "body.1.body.2")]
    assert names_of(small_graph("edsr")) == [("head.0",), *blocks, ("body.2",), ("tail.0.0",), ("tail.1",)]
    blocks = [("body.0.conv1", "body.0.conv2"), ("body.1.conv1", "body.1.conv2")]
    assert names_of(small_graph("srresnet")) == [("head.0",), *blocks, ("body_conv",), ("up.0",), ("tail",)]


def test_a_chain_is_single_convolutions():
    sketch = Sketch()
    value = PICTURE
    for name in "abc":
        value = sketch.activated(name, value)
    assert names_of(sketch.build(value)) == [("a",), ("b",), ("c",), ("last",)]


def test_a_dense_block_is_one_unit():
    sketch = Sketch()
    graph = sketch.build(sketch.dense("block", sketch.convolution("head", PICTURE)))
    assert names_of(graph) == [("head",), ("block.0", "block.1", "block.fuse"), ("last",)]


def test_nested_blocks_are_divided_into_the_inner_ones():
    """Three dense blocks in a residual one, twice, in a long skip, as ESRGAN has them; the head is an operand of three sums."""
    sketch = Sketch()
    head = value = sketch.convolution("head", PICTURE)
    wanted: list[tuple[str, ...]] = [("head",)]
    for outer in "ab":
        start = value
        for inner in "xyz":
            value = sketch.dense(f"{outer}{inner}", value)
            wanted.append(tuple(f"{outer}{inner}.{part}" for part in (0, 1, "fuse")))
        value = sketch.add(value, start)
    value = sketch.add(sketch.convolution("body", value), head)
    assert names_of(sketch.build(value)) == [*wanted, ("body",), ("last",)]


@pytest.mark.parametrize("name", ["edsr", "srresnet"])
def test_units_hold_every_convolution_once_and_stop_one_behind_the_other(name):
    graph = small_graph(name)
    units = units_of(graph)
    assert [name for unit in units for name in unit.convolutions] == [node.name for node in graph.convolutions()]
    assert all(one.stop < other.stop for one, other in pairwise(units)) and units[-1].stop == len(graph.nodes)


@pytest.fixture(scope="module", params=["edsr", "srresnet"])
def setup(request, tmp_path_factory):
    """A network, its weights rounded to nearest, and pictures: six to learn on, two held out."""
    folder = small_pictures(tmp_path_factory.mktemp("pictures"), count=8)
    network = small_network(request.param)
    batches = [as_batch(read_picture(path), network.graph) for path in list_pictures(folder)]
    return network, quantize_network(network, folder, Settings(rounding="nearest", splitting=False)), batches[:6], batches[6:]


def test_walking_unit_by_unit_ends_at_the_network_s_output(setup):
    network, _, _, held_out = setup
    walk = Walk(network, held_out)
    for unit in units_of(network.graph):
        outputs = walk.go_on(unit.stop)
        assert all(len(of_batch) == 1 for of_batch in outputs)
    with torch.no_grad():
        assert all(torch.equal(of_batch[0], network(batch)) for of_batch, batch in zip(outputs, held_out, strict=True))


def test_a_unit_s_outputs_are_the_stream_behind_its_addition(setup):
    network, _, _, held_out = setup
    walk = Walk(network, held_out[:1])
    head, block = units_of(network.graph)[:2]
    (stream,) = walk.go_on(head.stop)[0]
    (made,) = walk.go_on(block.stop)[0]
    names = [node.name for node in network.graph.nodes]
    start, stop = head.stop, names.index("body.0.add") + 1
    with torch.no_grad():
        values = network.advance({PICTURE: held_out[0], names[start - 1]: stream}, start, stop)
    assert block.stop == stop and torch.equal(made, values["body.0.add"])


def test_learning_from_nearest_brings_the_output_nearer_one_code_a_weight_at_most(setup):
    network, spec, pictures, held_out = setup
    learned, distances = learn_rounding(network, spec, pictures, held_out, SHORT)
    assert all(after <= before for before, after in distances) and len(distances) == 6
    moves = [learned.layers[name].weight.astype(int) - layer.weight for name, layer in spec.layers.items()]
    assert max(np.abs(move).max() for move in moves) == 1
    for layer in learned.layers.values():
        assert np.abs(layer.weight).max() <= layer.weight_magnitude
    with torch.no_grad():
        targets = [network(batch) for batch in held_out]
    before, after = (distance(Simulation(each).network, held_out, targets) for each in (spec, learned))
    assert after < 0.95 * before


def test_learning_repeats_bit_for_bit(setup):
    network, spec, pictures, held_out = setup
    short = RoundingSchedule(steps=3, pool=4)
    first, second = (learn_rounding(network, spec, pictures, held_out, short, seed=3) for _ in range(2))
    assert first[1] == second[1]
    for name, layer in first[0].layers.items():
        assert np.array_equal(layer.weight, second[0].layers[name].weight)


def test_a_unit_that_gains_nothing_keeps_its_codes(setup):
    network, spec, pictures, held_out = setup
    harmful = RoundingSchedule(steps=5, pool=4, rate=10.0)  # throws every choice to one side or the other
    learned, distances = learn_rounding(network, spec, pictures, held_out, harmful)
    for unit, (before, after) in zip(units_of(network.graph), distances, strict=True):
        if before == after:
            assert all(np.array_equal(learned.layers[name].weight, spec.layers[name].weight) for name in unit.convolutions)
    assert any(before == after for before, after in distances)


def test_learned_is_a_rounding_among_the_settings(tmp_path, monkeypatch):
    monkeypatch.setattr("tvm_srq.quant.fitting.calibrate.ROUNDING", RoundingSchedule(steps=2, pool=4))
    network = small_network()
    spec = quantize_network(network, small_pictures(tmp_path), Settings(rounding="learned", splitting=False))
    feedback = quantize_network(network, tmp_path, Settings(compensation=False, splitting=False))
    assert len(spec.metadata["unit_distances"]) == 6
    for name, layer in feedback.layers.items():
        assert np.abs(spec.layers[name].weight.astype(int) - layer.weight).max() <= 1
    with pytest.raises(UserError, match="integer grids"):
        Settings(rounding="learned", grid="free")
