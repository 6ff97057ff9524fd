"""Units of a plan, running them, and learning their rounding: nearer to full precision, never farther on what is held out."""

import numpy as np
import pytest
import torch
from small_network import small_network, small_pictures

from tvm_srq.data.pictures import list_pictures, read_picture
from tvm_srq.errors import UserError
from tvm_srq.models.base import as_batch
from tvm_srq.quant.fitting.calibrate import Settings, quantize_network
from tvm_srq.quant.fitting.learned_rounding import RoundingSchedule
from tvm_srq.quant.fitting.units import Walk, learn_rounding, units_of
from tvm_srq.quant.plan import make_plan
from tvm_srq.quant.simulate import Simulation
from tvm_srq.quant.training.finetune import distance

SHORT = RoundingSchedule(steps=80, batch=2, patch=24, pool=16, pull=1.0)


@pytest.fixture(scope="module", params=["edsr", "srresnet"])
def setup(request, tmp_path_factory):
    """A network, its weights rounded to nearest, and pictures: six to learn on, two held out."""
    folder = small_pictures(tmp_path_factory.mktemp("pictures"), count=8)
    network = small_network(request.param)
    batches = [as_batch(read_picture(path), network) for path in list_pictures(folder)]
    return network, quantize_network(network, folder, Settings(rounding="nearest")), batches[:6], batches[6:]


def test_units_are_residual_blocks_and_the_convolutions_outside_any():
    blocks = [("body.0.body.0", "body.0.body.2"), ("body.1.body.0", "body.1.body.2")]
    assert units_of(make_plan(small_network("edsr"))) == [("head.0",), *blocks, ("body.2",), ("tail.0.0",), ("tail.1",)]
    blocks = [("body.0.conv1", "body.0.conv2"), ("body.1.conv1", "body.1.conv2")]
    assert units_of(make_plan(small_network("srresnet"))) == [("head.0",), *blocks, ("body_conv",), ("up.0",), ("tail",)]


def test_walking_unit_by_unit_ends_at_the_network_s_output(setup):
    network, _, _, held_out = setup
    walk = Walk(network, held_out)
    units = units_of(make_plan(network))
    for stop in walk.behind(units):
        outputs = walk.go_on(stop)
        assert all(len(of_batch) == 1 for of_batch in outputs)
    with torch.no_grad():
        assert all(torch.equal(of_batch[0], network(batch)) for of_batch, batch in zip(outputs, held_out, strict=True))


def test_a_unit_s_outputs_are_the_stream_behind_its_addition(setup):
    network, _, _, held_out = setup
    walk = Walk(network, held_out[:1])
    head, block = walk.behind(units_of(make_plan(network)))[:2]
    (stream,) = walk.go_on(head)[0]
    (wanted,) = walk.go_on(block)[0]
    with torch.no_grad():
        assert torch.allclose(network.body[0](stream), wanted, atol=1e-6 * float(wanted.abs().max()))


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
    for names, (before, after) in zip(units_of(make_plan(network)), distances, strict=True):
        if before == after:
            assert all(np.array_equal(learned.layers[name].weight, spec.layers[name].weight) for name in names)
    assert any(before == after for before, after in distances)


def test_learned_is_a_rounding_among_the_settings(tmp_path, monkeypatch):
    monkeypatch.setattr("tvm_srq.quant.fitting.calibrate.ROUNDING", RoundingSchedule(steps=2, pool=4))
    network = small_network()
    spec = quantize_network(network, small_pictures(tmp_path), Settings(rounding="learned"))
    feedback = quantize_network(network, tmp_path, Settings())
    assert len(spec.metadata["unit_distances"]) == 6
    for name, layer in feedback.layers.items():
        assert np.abs(spec.layers[name].weight.astype(int) - layer.weight).max() <= 1
    with pytest.raises(UserError, match="integer grids"):
        Settings(rounding="learned", grid="free")
