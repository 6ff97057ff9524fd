"""Convolutions of any geometry: a graph builder's nodes for one, and what PyTorch makes of it."""

from dataclasses import dataclass

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from tvm_srq.graph.builder import GraphBuilder
from tvm_srq.graph.graph import PICTURE

of_any_geometry = given(
    kernel=st.integers(1, 5), stride=st.integers(1, 3), dilation=st.integers(1, 2), padding=st.integers(0, 3),
    below=st.integers(0, 1), groups=st.sampled_from([1, 2]),
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Seeded weights (4, 4 / groups, k, k), a picture (1, 4, 19, 16), its convolution, and the nodes that stand for that."""

    builder: GraphBuilder
    weight: Tensor
    picture: Tensor
    expected: Tensor


def convolution_case(kernel: int, stride: int, dilation: int, padding: int, below: int, groups: int) -> Case:
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(4, 4 // groups, kernel, kernel, generator=generator), torch.randn(4, generator=generator)
    picture = torch.randn(1, 4, 19, 16, generator=generator)
    builder = GraphBuilder(4)
    builder.convolution("c", PICTURE, weight.numpy(), bias.numpy(), stride, (dilation,) * 2,
                        (padding, padding, padding + below, padding + below), groups)  # fmt: skip
    padded = functional.pad(picture, [padding, padding + below] * 2)
    return Case(builder, weight, picture, functional.conv2d(padded, weight, bias, stride, 0, dilation, groups))
