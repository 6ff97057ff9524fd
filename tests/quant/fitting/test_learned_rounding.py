"""The choices of one convolution: between which codes, where they start, what draws them to a decision, what takes them back."""

import numpy as np
import pytest
import torch
from torch import nn

from tvm_srq.quant.fitting.learned_rounding import LearnedRounding, RoundingSchedule, logarithmic, squared_distance, undecided
from tvm_srq.quant.training.trainable import TrainableConvolution
from tvm_srq.spec import GridQuantizer, LayerSpec
from tvm_srq.winograd_range import INT8, largest_transformed


def layer(codes: np.ndarray, bits: int = 4, winograd: bool = False) -> LayerSpec:
    grid = GridQuantizer(4, 0.5, -8, np.arange(-8, 8).astype(np.int16))
    return LayerSpec(codes.astype(np.int8), np.ones(len(codes), np.float32), bits, grid, winograd=winograd)


def rounding(exact: np.ndarray, spec: LayerSpec) -> LearnedRounding:
    outputs, inputs, kernel, _ = exact.shape
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    return LearnedRounding(convolution, torch.tensor(exact, dtype=torch.float32), spec)


def decide(convolution: LearnedRounding, choice: float) -> np.ndarray:
    with torch.no_grad():
        convolution.choice.fill_(choice)
    return convolution.rounded().weight


def test_a_weight_stays_or_goes_to_the_next_code_towards_its_exact_value():
    exact = np.array([2.3, 2.3, 2.3, 2.0, 7.4, -2.3])[:, None, None, None]
    codes = np.array([2, 3, 5, 2, 7, -2])[:, None, None, None]
    convolution = rounding(exact, layer(codes))
    assert np.array_equal(convolution.rounded().weight, codes)
    assert decide(convolution, -1).flatten().tolist() == [2, 3, 5, 2, 7, -2]
    assert decide(convolution, 1).flatten().tolist() == [3, 2, 4, 2, 7, -3]


def test_equalization_and_scales_are_part_of_the_unrounded_code():
    exact = np.full((1, 2, 1, 1), 0.6, np.float32)
    spec = LayerSpec(np.array([[[[3]], [[6]]]], np.int8), np.array([0.25], np.float32), 4, layer(exact).input, None,
                     np.array([1.0, 2.0], np.float32))  # fmt: skip
    assert decide(rounding(exact, spec), 1).flatten().tolist() == [2, 5]  # 2.4 and 4.8 exactly


def test_on_its_codes_it_computes_what_a_trainable_convolution_does():
    generator = np.random.default_rng(0)
    exact = generator.normal(0, 2, (4, 3, 3, 3))
    spec = layer(np.rint(exact).clip(-7, 7))
    convolution = nn.Conv2d(3, 4, 3, padding=1)
    x = torch.randn(1, 3, 6, 5, generator=torch.Generator().manual_seed(0))
    weights = torch.tensor(exact, dtype=torch.float32)
    with torch.no_grad():
        assert torch.equal(
            LearnedRounding(convolution, weights, spec)(x), TrainableConvolution(convolution, weights, spec, 7)(x)
        )


def test_gradients_reach_the_choices_alone():
    exact = np.random.default_rng(0).normal(0, 2, (4, 3, 3, 3))
    convolution = rounding(exact, layer(np.rint(exact).clip(-7, 7)))
    convolution.soft = True
    convolution(torch.ones(1, 3, 5, 5)).square().sum().backward()
    assert [name for name, parameter in convolution.named_parameters() if parameter.grad is not None] == ["choice"]
    assert float(convolution.choice.grad.abs().max()) > 0


def test_the_regularizer_is_1_for_halves_and_0_for_decisions():
    convolution = rounding(np.full((2, 1, 1, 1), 0.4), layer(np.zeros((2, 1, 1, 1))))
    for choice, wanted in ((0.0, 1.0), (5.0, 0.0), (-5.0, 0.0)):
        decide(convolution, choice)
        assert undecided([convolution], 4.0).item() == wanted


def test_the_exponent_falls_after_warming_up():
    schedule = RoundingSchedule(steps=100, warm_up=0.2, sharpness=(20.0, 2.0))
    assert schedule.exponent(19) is None and schedule.exponent(20) == 20
    assert schedule.exponent(60) == pytest.approx(11) and schedule.exponent(100) == pytest.approx(2)


def test_kernels_that_would_leave_winograd_s_range_are_taken_back_and_no_others():
    exact = np.full((1, 2, 3, 3), 14.6)
    exact[0, 1] = 3.6
    codes = np.floor(exact)
    convolution = rounding(exact, layer(codes, bits=6, winograd=True))
    assert largest_transformed(decide(convolution, 1).astype(int))[0, 0] > INT8
    convolution.settle()
    assert convolution.rounded().weight[0, 0].tolist() == [[14] * 3] * 3
    assert convolution.rounded().weight[0, 1].tolist() == [[4] * 3] * 3
    convolution.take_back()
    assert np.array_equal(convolution.rounded().weight, codes)


def test_the_distance_leaves_the_margin_out():
    output, target = torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    output[:, :, 0], output[:, :, 4, 4] = 9.0, 4.0
    assert squared_distance([output], [target], 0.25).tolist() == [1.0]
    assert squared_distance([output, output], [target, target], 0.0).tolist() == [2 * (8 * 81 + 16) / 64]


def test_a_patch_of_large_errors_counts_as_much_as_one_of_small_ones():
    calm, busy = logarithmic(torch.tensor([200.0, 4000.0]), 100.0), logarithmic(torch.tensor([400.0, 2000.0]), 100.0)
    assert abs(float(calm - busy)) < 0.02  # the first halves the one, the second the other
