"""Gradients from bfloat16 operands: the exact forward pass, and gradients as near as eight bits allow."""

import pytest
import torch
from torch.nn import functional

from tvm_srq.quant.training.low_precision_gradients import ConvolutionWithLowPrecisionGradients


@pytest.mark.parametrize("groups", [1, 2])
def test_the_result_is_exact_and_the_gradients_near(groups):
    generator = torch.Generator().manual_seed(0)
    x, weight = torch.randn(2, 4, 9, 7, generator=generator), torch.randn(6, 4 // groups, 3, 3, generator=generator)
    bias, towards = torch.randn(6, generator=generator), torch.randn(2, 6, 9, 7, generator=generator)
    gradients, results = [], []
    for low_precision in (False, True):
        leaves = [value.clone().requires_grad_() for value in (x, weight, bias)]
        if low_precision:
            result = ConvolutionWithLowPrecisionGradients.apply(*leaves, (1, 1), groups)
        else:
            result = functional.conv2d(*leaves, padding=1, groups=groups)
        (result * towards).sum().backward()
        results.append(result.detach())
        gradients.append([leaf.grad for leaf in leaves])
    assert torch.equal(*results)
    for exact, near in zip(*gradients, strict=True):
        assert near.dtype == torch.float32 and float((near - exact).norm() / exact.norm()) < 0.01


def test_an_input_without_gradient_gets_none():
    x, weight = torch.randn(1, 3, 5, 5), torch.randn(2, 3, 3, 3, requires_grad=True)
    ConvolutionWithLowPrecisionGradients.apply(x, weight, torch.zeros(2), (1, 1), 1).sum().backward()
    assert x.grad is None and weight.grad is not None


def test_a_convolution_without_bias():
    x, weight = torch.randn(1, 3, 5, 5), torch.randn(2, 3, 3, 3, requires_grad=True)
    made = ConvolutionWithLowPrecisionGradients.apply(x, weight, None, (1, 1), 1)
    assert torch.equal(made, functional.conv2d(x, weight, padding=1))
    made.sum().backward()
    assert weight.grad is not None
