"""Compensation is the least squares that it says, and never makes held-out pictures worse than they were."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_network import small_network, small_pictures
from torch.nn import functional

from tvm_srq.data.pictures import list_pictures, read_picture
from tvm_srq.graph.network import as_batch
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.quant.fitting.calibrate import quantize_network
from tvm_srq.quant.fitting.compensate import (
    CLEARLY,
    NONE,
    RIDGE,
    Moments,
    Target,
    chosen,
    compensated,
    crop_side,
    least_squares,
    mean_error,
)
from tvm_srq.quant.fitting.pictures import centre_crop
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.quant.simulate import Simulation
from tvm_srq.quant.training.visible_error import simulated_distance


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def batches(folder):
    return [as_batch(read_picture(path), small_network().graph) for path in list_pictures(folder)]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(1, 6), st.integers(0, 2**31))
def test_no_other_weights_have_a_smaller_penalized_error(outputs, inputs, seed):
    generator = torch.Generator().manual_seed(seed)
    wanted = torch.randn(50, inputs, generator=generator, dtype=torch.float64)
    read = wanted + 0.3 * torch.randn(50, inputs, generator=generator, dtype=torch.float64)
    exact = torch.randn(outputs, inputs, generator=generator, dtype=torch.float64)
    moments = Moments(read.T @ read / 50, wanted.T @ read / 50)

    def penalized(weights):
        ridge = RIDGE * moments.read.diagonal().mean()
        return ((wanted @ exact.T - read @ weights.T) ** 2).sum() / 50 + ridge * ((weights - exact) ** 2).sum()

    fitted = least_squares(exact, moments)
    for _ in range(10):
        other = fitted + 0.1 * torch.randn(fitted.shape, generator=generator, dtype=torch.float64)
        assert penalized(fitted) <= penalized(other) + 1e-9


def test_inputs_that_are_read_exactly_leave_the_weights_alone():
    read = torch.randn(50, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    exact, moment = torch.randn(3, 4, dtype=torch.float64), read.T @ read / 50
    torch.testing.assert_close(least_squares(exact, Moments(moment, moment)), exact)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("counts", [[0.5, 0.5], [0.9, 0.1]])
def test_the_correction_takes_the_mean_error_away(groups, counts):
    generator = torch.Generator().manual_seed(0)
    exact, coded = (torch.randn(4, 4 // groups, 3, 3, generator=generator) for _ in range(2))
    pairs = [(torch.randn(1, 4, 8, 9, generator=generator), torch.randn(1, 4, 8, 9, generator=generator)) for _ in range(2)]
    correction = torch.tensor(mean_error(exact, coded, groups, pairs, counts))[:, None, None]
    errors = [
        functional.conv2d(wanted, exact, padding=1, groups=groups)
        - functional.conv2d(read, coded, padding=1, groups=groups) - correction
        for wanted, read in pairs
    ]  # fmt: skip
    mean = sum(count * error.mean((0, 2, 3)) for count, error in zip(counts, errors, strict=True))
    assert float(mean.abs().max()) < 1e-5


def test_the_networks_target_is_taken_only_where_it_is_clearly_better():
    def best(none, network, own):
        return chosen({NONE: none, Target.NETWORK.value: network, Target.OWN.value: own})

    assert best(2.0, CLEARLY * 1.0 + 0.01, 1.0) == Target.OWN.value
    assert best(2.0, CLEARLY * 1.0 - 0.01, 1.0) == Target.NETWORK.value
    assert best(1.0, CLEARLY + 0.01, 1.5) == NONE


def test_held_out_pictures_come_nearer_and_stay_equal_in_integers(folder, batches):
    network = small_network()
    plain = quantize_network(network, folder, Settings(compensation=False))
    targets = [network(batch) for batch in batches]
    spec, errors = compensated(network, plain, batches, None, batches, targets)
    assert simulated_distance(spec, batches, targets) == pytest.approx(min(errors[chosen(errors)], errors[NONE]))
    assert simulated_distance(spec, batches, targets) < simulated_distance(plain, batches, targets)
    picture = read_picture(list_pictures(folder)[0])
    difference = np.abs(IntegerReference(spec)(picture).astype(int) - Simulation(spec)(picture))
    assert difference.mean() < 4  # narrow codes that a tie sends to the other side are far apart


def test_the_same_seed_gives_the_same_weights(folder, batches):
    network = small_network()
    plain = quantize_network(network, folder, Settings(compensation=False))
    targets = [network(batch) for batch in batches]
    first, second = (compensated(network, plain, batches, None, batches, targets, seed=3)[0] for _ in range(2))
    for name, layer in first.layers.items():
        np.testing.assert_array_equal(layer.weight, second.layers[name].weight)
        np.testing.assert_array_equal(layer.correction, second.layers[name].correction)


def test_pictures_are_cut_to_their_centres():
    side = crop_side(small_network().graph, 1)
    picture = np.arange(200 * 210 * 3).reshape(200, 210, 3)
    cut = centre_crop(picture, side)
    top, left = (200 - cut.shape[0]) // 2, (210 - cut.shape[1]) // 2
    assert cut.shape[:2] == (side, side)
    np.testing.assert_array_equal(cut, picture[top : top + cut.shape[0], left : left + cut.shape[1]])
