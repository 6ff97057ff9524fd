"""Convolutions, transposed convolutions, linear layers, batch norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_srq.affine import batch_norm_affine
from tvm_srq.graph.sources.batch_norms import BatchNorm
from tvm_srq.graph.sources.calls import Call, Reference
from tvm_srq.graph.sources.translation import Translation, handles
from tvm_srq.graph.sources.views import Part, View, coordinates_of_channels


@handles("conv2d.default")
def convolution(
    t: Translation, call: Call, input: Reference, weight: Reference, bias: Reference | None, stride: Sequence[int],
    padding: Sequence[int], dilation: Sequence[int], groups: int,
) -> View:  # fmt: skip
    """Any that moves rows and columns alike; a diagonal one of 1x1, as mean shifts are written, is an affine map."""
    rows, columns = pair(padding)
    return convolved(t, call, input, weight, bias, pair(stride), (rows, columns, rows, columns), pair(dilation), groups)


@handles("conv2d.padding")
def convolution_named_padding(
    t: Translation, call: Call, input: Reference, weight: Reference, bias: Reference | None, stride: Sequence[int],
    padding: str, dilation: Sequence[int], groups: int,
) -> View:  # fmt: skip
    kernel = t.values[weight.name].tensor.shape[2:]
    whole = [d * (k - 1) if padding == "same" else 0 for k, d in zip(kernel, pair(dilation), strict=True)]
    sides = (whole[0] // 2, whole[1] // 2, whole[0] - whole[0] // 2, whole[1] - whole[1] // 2)
    return convolved(t, call, input, weight, bias, pair(stride), sides, pair(dilation), groups)


@handles("convolution.default")
def any_convolution(
    t: Translation, call: Call, input: Reference, weight: Reference, bias: Reference | None, stride: Sequence[int],
    padding: Sequence[int], dilation: Sequence[int], transposed: bool, output_padding: Sequence[int], groups: int,
) -> View:  # fmt: skip
    if transposed:
        return transposed_convolution(t, call, input, weight, bias, stride, padding, output_padding, groups, dilation)
    return convolution(t, call, input, weight, bias, stride, padding, dilation, groups)


def convolved(
    t: Translation, call: Call, input: Reference, weight: Reference, bias: Reference | None, stride: tuple[int, int],
    padding: tuple[int, int, int, int], dilation: tuple[int, int], groups: int,
) -> View:  # fmt: skip
    """The nodes of a convolution."""
    source, values, offsets = t.map(input), t.array(weight), t.array(bias)
    assert values is not None
    if values.ndim != 4:
        t.refuse(f"has a kernel of {values.ndim - 2} dimensions")
    if stride[0] != stride[1]:
        t.refuse(f"has a stride of {stride[0]} rows and {stride[1]} columns")
    diagonal = diagonal_of(values, groups)
    if diagonal is not None and stride == (1, 1) and not any(padding):
        name, like = parameter_name(t, call, weight, bias, "affine")
        made = t.builder.affine(name, source, diagonal, 0.0 if offsets is None else offsets, like)
    else:
        name, like = parameter_name(t, call, weight, bias, f"convolution {groups}")
        made = t.builder.convolution(name, source, values, offsets, stride[0], dilation, padding, groups, like)
    return t.view_of(made)


@handles("conv_transpose2d.input")
def transposed_convolution(
    t: Translation, call: Call, input: Reference, weight: Reference, bias: Reference | None, stride: Sequence[int],
    padding: Sequence[int], output_padding: Sequence[int], groups: int, dilation: Sequence[int],
) -> View:  # fmt: skip
    """One that multiplies height and width by its stride."""
    source, values, offsets = t.map(input), t.array(weight), t.array(bias)
    assert values is not None
    steps, sides, more = pair(stride), pair(padding), pair(output_padding)
    square = values.shape[2] == values.shape[3] and steps[0] == steps[1] and sides[0] == sides[1] and more[0] == more[1]
    if not square or pair(dilation) != (1, 1):
        t.refuse("treats rows and columns differently, or is dilated")
    name, like = parameter_name(t, call, weight, bias, f"transposed {groups} {steps} {sides} {more}")
    made = t.builder.transposed_convolution(name, source, values, offsets, steps[0], sides[0], more[0], groups, like)
    return t.view_of(made)


@handles("linear.default")
def linear(t: Translation, call: Call, input: Reference, weight: Reference, bias: Reference | None) -> View:
    """A 1x1 convolution, where the last dimension is the channels."""
    view, values, offsets = t.view(input), t.array(weight), t.array(bias)
    assert values is not None
    places = [index for index, dimension in enumerate(view.dimensions) if any(part.axis == "channel" for part in dimension)]
    channels = t.builder.channels[view.base]
    where = coordinates_of_channels(view.dimensions[-1], channels)
    last = len(view.dimensions) - 1
    if where is None or channels != values.shape[1] or places not in ([last], []) or any(where != np.arange(channels)):
        t.refuse("mixes rows, columns or parts of the channels")
    name, like = parameter_name(t, call, weight, bias, "convolution 1")
    made = t.builder.convolution(name, view.base, values[:, :, None, None], offsets, like=like)
    outputs = len(values)
    return View(made, (*view.dimensions[:-1], () if outputs == 1 else (Part("channel", outputs),)))


@handles("batch_norm.default", "_native_batch_norm_legit_no_training.default")
def batch_norm(
    t: Translation, call: Call, input: Reference, weight: Reference | None, bias: Reference | None,
    running_mean: Reference | None, running_var: Reference | None, eps: float, training: bool = False, **_: Any,
) -> Any:  # fmt: skip
    """By its running statistics."""
    mean, variance = t.array(running_mean), t.array(running_var)
    if mean is None or variance is None or training:
        t.refuse("normalizes by the picture's own statistics")
    scale, offset = (np.asarray(fallback if v is None else v) for v, fallback in ((t.array(weight), 1.0), (t.array(bias), 0.0)))
    affine = batch_norm_affine(scale, offset, mean, variance, eps)
    name, like = parameter_name(t, call, running_mean, running_var, "affine")
    node = t.builder.affine(name, t.map(input), affine.multiplier, affine.offset, like)
    t.batch_norms[node] = BatchNorm.of(scale, offset, mean, variance, eps)
    made = t.view_of(node)
    return made if call.target == "batch_norm.default" else [made, None, None]


def parameter_name(
    t: Translation, call: Call, weight: Reference | None, bias: Reference | None, kind: str
) -> tuple[str, str | None]:
    """A node's name, from the parameter's where it is one, and the node that has the same parameters already."""
    key = t.key(weight)
    name = (key.rpartition(".")[0] if key else call.module) or key or t.name(call)
    if key is None:
        return name, None
    use = (key, t.key(bias), kind)
    like = t.first_uses.get(use)
    if like is None:
        node = t.builder.module_path(name) if kind.startswith(("convolution", "transposed")) else t.builder.unique(name)
        t.first_uses[use] = node
    return name, like


def diagonal_of(weight: NDArray, groups: int) -> NDArray | None:
    """The factors of a convolution that only scales channels, or None."""
    if weight.shape[2:] != (1, 1):
        return None
    if weight.shape[1] == 1 and groups == weight.shape[0]:
        return weight.reshape(-1)
    matrix = weight[:, :, 0, 0]
    if groups != 1 or matrix.shape[0] != matrix.shape[1] or len(matrix) == 1 or (matrix != np.diag(np.diag(matrix))).any():
        return None
    return np.diag(matrix)


def pair(values: int | Sequence[int]) -> tuple[int, int]:
    """One number for rows and columns, or two."""
    values = [values] if isinstance(values, int) else values
    return int(values[0]), int(values[-1])
