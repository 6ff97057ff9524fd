"""Convolutions, transposed convolutions, linear layers, batch norm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from tvm_srq.graph.sources.calls import Constant, Reference
from tvm_srq.graph.sources.handlers import convolutions as torch_handlers
from tvm_srq.graph.sources.onnx.names import layer_key
from tvm_srq.graph.sources.onnx.operation import PADDINGS, Operation
from tvm_srq.graph.sources.onnx.translation import OnnxTranslation, handles
from tvm_srq.graph.sources.views import View


@handles("Conv")
def convolution(t: OnnxTranslation, o: Operation) -> View:
    """Any that moves rows and columns alike."""
    weight = weight_of(t, o, 4)
    groups, strides, dilations = o.attribute("group", 1), pair(o, "strides"), pair(o, "dilations")
    if weight.shape[1] * groups != t.builder.channels[t.source(o)]:
        t.refuse(f"has weights for {weight.shape[1] * groups} channels and gets {t.builder.channels[t.source(o)]}")
    padding = borders(t, o, [(k - 1) * d for k, d in zip(weight.shape[2:], dilations, strict=True)], strides)
    bias = t.reference(o.input(2))
    return torch_handlers.convolved(
        t, o.call("conv2d"), t.tensor(o.input(0)), named(t, o, weight), bias, strides, padding, dilations, groups
    )


@handles("ConvTranspose")
def transposed_convolution(t: OnnxTranslation, o: Operation) -> View:
    """One that multiplies height and width by its stride; borders that differ are the output's last rows left out."""
    weight = weight_of(t, o, 4)
    groups, strides, more = o.attribute("group", 1), pair(o, "strides"), list(pair(o, "output_padding", 0))
    how = o.attribute("auto_pad", "NOTSET")
    if "output_shape" in o.attributes or how not in PADDINGS or pair(o, "dilations") != (1, 1):
        t.refuse("has a size of its output, borders or a dilation that are not known here")
    before, after = [0, 0], [0, 0]
    if how == "NOTSET":
        pads = list(o.attribute("pads", [0, 0, 0, 0]))
        before, after = pads[:2], pads[2:]
    elif how.startswith("SAME"):
        for axis, (kernel, stride) in enumerate(zip(weight.shape[2:], strides, strict=True)):
            whole = max(kernel - stride + more[axis], 0)
            more[axis] = max(stride - kernel, more[axis])
            half = whole // 2
            before[axis], after[axis] = (half, whole - half) if how == "SAME_UPPER" else (whole - half, half)
    more = [m + b - a for m, b, a in zip(more, before, after, strict=True)]
    if weight.shape[0] != t.builder.channels[t.source(o)]:
        t.refuse(f"has weights for {weight.shape[0]} channels and gets {t.builder.channels[t.source(o)]}")
    return torch_handlers.transposed_convolution(
        t, o.call("conv_transpose2d"), t.tensor(o.input(0)), named(t, o, weight), t.reference(o.input(2)), strides, before, more,
        groups, (1, 1),
    )  # fmt: skip


@handles("BatchNormalization")
def batch_norm(t: OnnxTranslation, o: Operation) -> View:
    weight, bias, mean, variance = (t.tensor(o.input(index)) for index in range(1, 5))
    call = o.call("batch_norm.default")
    training = bool(o.attribute("training_mode", 0))
    return torch_handlers.batch_norm(
        t, call, t.tensor(o.input(0)), weight, bias, mean, variance, shortened(o.attribute("epsilon", 1e-5)), training
    )


@handles("Gemm")
def linear(t: OnnxTranslation, o: Operation) -> View:
    """A linear layer, weights (O, I), or (I, O) without ``transB``."""
    weight = weight_of(t, o, 2)
    if (o.attribute("alpha", 1.0), o.attribute("beta", 1.0), o.attribute("transA", 0)) != (1.0, 1.0, 0):
        t.refuse("has factors or a transposed input")
    return torch_handlers.linear(
        t, o.call("linear"), t.tensor(o.input(0)), oriented(t, o, weight, bool(o.attribute("transB", 0))), t.reference(o.input(2))
    )


@handles("MatMul")
def product(t: OnnxTranslation, o: Operation) -> View:
    """A linear layer without bias."""
    return torch_handlers.linear(t, o.call("linear"), t.tensor(o.input(0)), oriented(t, o, weight_of(t, o, 2), False), None)


def oriented(t: OnnxTranslation, o: Operation, weight: NDArray, outputs_first: bool) -> Reference:
    """A linear layer's weights as PyTorch has them."""
    return named(t, o, weight if outputs_first else weight.T)


def named(t: OnnxTranslation, o: Operation, weight: NDArray) -> Reference:
    """A layer's weights by their name in PyTorch, or by the node's where they have none and no module is known."""
    key = t.keys.get(o.input(1)) or (None if o.module else layer_key(o.name))
    name = f"{o.input(1)} of {o.name}"
    t.values[name] = Constant(torch.tensor(np.ascontiguousarray(weight, np.float32)), key)
    return Reference(name)


def weight_of(t: OnnxTranslation, o: Operation, rank: int) -> NDArray:
    """The second input, of so many dimensions."""
    t.item(o.input(0))
    weight = t.constant(o.input(1))
    if weight is None or weight.ndim != rank:
        t.refuse(f"has weights of {0 if weight is None else weight.ndim} dimensions instead of {rank}")
    return weight


def pair(o: Operation, name: str, default: int = 1) -> tuple[int, int]:
    """An attribute for rows and columns."""
    rows, columns = o.attribute(name) or (default, default)
    return int(rows), int(columns)


def borders(t: OnnxTranslation, o: Operation, reach: Sequence[int], strides: Sequence[int]) -> tuple[int, int, int, int]:
    """Rows above, columns to the left, rows below and columns to the right, of windows that are ``reach`` + 1 long."""
    how = o.attribute("auto_pad", "NOTSET")
    if how in ("NOTSET", "VALID"):
        top, left, bottom, right = (o.attribute("pads") or (0, 0, 0, 0)) if how == "NOTSET" else (0, 0, 0, 0)
        return int(top), int(left), int(bottom), int(right)
    if how not in PADDINGS or any(stride != 1 for stride in strides):
        t.refuse(f"has borders ({how}) that depend on the picture's size with a stride of {strides[0]}")
    less, more = [whole // 2 for whole in reach], [whole - whole // 2 for whole in reach]
    first, last = (less, more) if how == "SAME_UPPER" else (more, less)
    return first[0], first[1], last[0], last[1]


def shortened(value: float) -> float:
    return float(str(np.float32(value)))
