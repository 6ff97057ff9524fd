"""Training a quantized network: it starts where calibration ended, gets nearer, snaps exactly and repeats bit for bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_network import small_network, small_pictures

from tvm_srq.data.pictures import list_pictures, read_picture
from tvm_srq.graph.network import as_batch
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.quant.fitting.calibrate import Settings, quantize_network
from tvm_srq.quant.policy.table import TWO_PARTS, Row
from tvm_srq.quant.simulate import Simulation
from tvm_srq.quant.training.finetune import Schedule, distance, finetune
from tvm_srq.quant.training.input_grid import RoundToLevels
from tvm_srq.quant.training.trainable import trainable_network, trained_spec
from tvm_srq.winograd_range import largest_transformed

SCHEDULE = Schedule(steps=20, batch=2, patch=16, pool=16, average=0.9, checks=4)


@pytest.fixture(scope="module", params=["edsr", "srresnet"])
def quantized(request, tmp_path_factory):
    folder = small_pictures(tmp_path_factory.mktemp("pictures"))
    network = small_network(request.param)
    batches = [as_batch(read_picture(path), network.graph) for path in list_pictures(folder)]
    return network, quantize_network(network, folder, Settings(rounding="nearest", splitting=False)), batches


def test_rounding_passes_gradients_as_written():
    x = torch.tensor([[[[0.6, 9.0, -1.4, 1.5]]]], requires_grad=True)
    steps = torch.tensor([0.5], requires_grad=True)
    codes = RoundToLevels.apply(x, steps, torch.tensor([-2.0, -1, 0, 1, 2, 5, 5, 5]), torch.tensor([-2.0]))
    assert codes.flatten().tolist() == [1, 5, -2, 5]
    codes.sum().backward()
    assert x.grad.flatten().tolist() == [2, 0, 0, 2]  # -1.4 / 0.5 lies more than half a step outside
    assert steps.grad.tolist() == pytest.approx([-(0.6 + 1.5) / 0.25])


def test_an_untrained_network_is_the_simulation_and_snaps_back(quantized):
    network, spec, batches = quantized
    student = trainable_network(network, spec)
    with torch.no_grad():
        difference = student(batches[0]) - Simulation(spec).network(batches[0])
    white = 255 * network.graph.picture.grey_level
    assert float(difference.abs().mean()) / white < 0.01  # a code may fall on the other side of a rounding
    again = trained_spec(student, spec)
    for name, layer in spec.layers.items():
        assert np.array_equal(again.layers[name].weight, layer.weight)
        assert np.allclose(again.layers[name].real_weight, layer.real_weight, atol=1.01 * layer.real_weight.max() / 7)


def test_finetuning_gets_nearer_to_the_full_precision_output(quantized):
    network, spec, batches = quantized
    trained, history = finetune(network, spec, batches, batches, replace(SCHEDULE, steps=60))
    assert min(history) < history[0]
    with torch.no_grad():
        targets = [network(batch) for batch in batches]
    simulated = Simulation(trained).network
    assert distance(simulated, batches, targets) == pytest.approx(min(history), rel=0.02)
    picture = np.random.default_rng(0).integers(0, 256, (9, 11, 3)).astype(np.uint8)
    assert IntegerReference(trained)(picture).shape == (18, 22, 3)
    for name, layer in trained.layers.items():
        assert np.abs(layer.weight).max() <= spec.layers[name].weight_magnitude


def test_finetuning_repeats_bit_for_bit(quantized):
    network, spec, batches = quantized
    short = replace(SCHEDULE, steps=3)
    first, second = (finetune(network, spec, batches, batches[:1], short, seed=5) for _ in range(2))
    assert first[1] == second[1]
    for name, layer in first[0].layers.items():
        other = second[0].layers[name]
        assert np.array_equal(layer.weight, other.weight) and np.array_equal(layer.correction, other.correction)


def test_coarse_parts_stay_multiples_of_their_step(tmp_path):
    network, folder = small_network(), small_pictures(tmp_path)
    batches = [as_batch(read_picture(path), network.graph) for path in list_pictures(folder)]
    table = {"tail.1": tuple(Row("tail.1", 8, TWO_PARTS))}
    spec = quantize_network(network, folder, Settings(table=table, widening=False, compensation=False))
    trained, _ = finetune(network, spec, batches, batches[:1], replace(SCHEDULE, steps=4, average=0.0))
    assert trained.layers["tail.1"].input == spec.layers["tail.1"].input
    assert (trained.layers["tail.1"].equalization == 1).all()
    assert trained.layers["tail.1_remainder"].input != spec.layers["tail.1_remainder"].input
    assert IntegerReference(trained)(read_picture(list_pictures(folder)[0])).shape == (64, 64, 3)


def test_no_steps_change_nothing(quantized):
    network, spec, batches = quantized
    same, history = finetune(network, spec, batches, batches, replace(SCHEDULE, steps=0))
    assert same is spec and len(history) == 1


def test_wherever_training_goes_kernels_stay_where_exact_winograd_takes_them(tmp_path):
    network, folder = small_network(), small_pictures(tmp_path)
    spec = quantize_network(network, folder, Settings(weight_bits=6, activation_bits=6))
    student, generator = trainable_network(network, spec), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name in spec.layers:
            codes = student.get_submodule(name).codes
            codes.add_(40 * torch.randn(codes.shape, generator=generator))
    trained = trained_spec(student, spec)
    kernels = [layer.weight.astype(int) for layer in trained.layers.values() if layer.winograd]
    assert len(kernels) == 5
    assert all(largest_transformed(kernel).max() <= 127 and np.abs(kernel).max() <= 31 for kernel in kernels)
