"""Learned ranges: gradients as the module writes them, exactly, and codes that are those of the file."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tvm_srq.quant.baselines.learned_range import FORMS, DualBoundRange, SymmetricRange
from tvm_srq.quant.quantizers.uniform import quantize
from tvm_srq.quant.statistics.observers import Observer


def observer_of(*pictures: list[float]) -> Observer:
    samples = [np.array([picture], np.float32) for picture in pictures]
    everything = np.concatenate(samples, 1)
    return Observer(everything.min(1), everything.max(1), samples)


def test_pams_starts_at_the_pictures_mean_largest_magnitude():
    assert SymmetricRange(observer_of([-9.0, 2], [5, 0]), 4).first.tolist() == [7]
    assert SymmetricRange(observer_of([-9.0, 2], [5, 0]), 8).first.tolist() == [9]  # the edge layers clip nothing at first


def test_ddtb_starts_at_percentiles_and_keeps_zero():
    observer = observer_of(list(np.linspace(-100.0, 300.0, 401)))
    assert DualBoundRange(observer, 4).first.tolist() == [-96, 296]
    assert DualBoundRange(observer, 8).first.tolist() == [-100, 300]
    assert DualBoundRange(observer_of(list(np.linspace(50.0, 60.0, 101))), 4).first.tolist() == pytest.approx([0, 59.9])


def test_gradients_of_the_symmetric_range():
    learned = SymmetricRange(observer_of([-7.0, 7]), 4)  # 15 levels of step 1
    x = torch.tensor([0.25, 9.0, -8.0, 2.75], requires_grad=True)
    made = learned(x)
    assert made.tolist() == [0, 7, -7, 3]
    (made * torch.tensor([1.0, 10, 100, 1000])).sum().backward()
    assert x.grad.tolist() == [1, 0, 0, 1000]
    rounding = (-0.25 + 1000 * 0.25) / 7  # (round(v) - v) of what is inside, by the step's share in alpha
    assert learned.ratio.grad.tolist() == pytest.approx([7 * (10 - 100 + rounding)])


def test_gradients_of_the_two_bounds():
    learned = DualBoundRange(observer_of([-3.0, 12]), 8)
    learned.bits, learned.levels = 4, 16  # step 1
    x = torch.tensor([-5.0, 20.0, 0.5 - 0.125, 3.75], requires_grad=True)
    made = learned(x)
    assert made.tolist() == [-3, 12, 0, 4]
    (made * torch.tensor([1.0, 10, 100, 1000])).sum().backward()
    assert x.grad.tolist() == [0, 0, 100, 1000]
    rounding = (-100 * 0.375 + 1000 * 0.25) / 15
    assert learned.ratio.grad.tolist() == pytest.approx([-3 * (1 - rounding), 12 * (10 + rounding)])


@given(st.sampled_from(sorted(FORMS)), st.integers(2, 8), st.integers(0, 2**31), st.floats(0.2, 3), st.floats(0.2, 3))
def test_what_is_trained_is_what_the_file_computes(form, bits, seed, first, second):
    values = np.random.default_rng(seed).standard_t(3, 500).astype(np.float32)
    learned = FORMS[form](observer_of(list(values)), bits)
    with torch.no_grad():
        learned.ratio *= torch.tensor([first, second])[: len(learned.ratio)]
        made = learned(torch.tensor(values)).numpy()
        lower, upper = (float(bound) for bound in learned.bounds())
    quantizer = learned.quantizer()
    assert quantizer.uniform and 0 in quantizer.levels and len(quantizer.levels) == 2**bits - (form == "pams")
    assert np.allclose(np.round(made / quantizer.step) * quantizer.step, made, atol=1e-5)
    clipped = np.clip(values.astype(np.float64), lower, upper)
    between = np.abs(clipped / quantizer.step % 1 - 0.5) > 1e-3  # not a tie, where either code is as near
    assert np.allclose(made[between], quantize(clipped, quantizer)[between], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_bounds_never_vanish(form):
    learned = FORMS[form](observer_of([-4.0, 4]), 4)
    with torch.no_grad():
        learned.ratio -= 5
    lower, upper = learned.bounds()
    assert lower < 0 < upper and learned.quantizer().step > 0
