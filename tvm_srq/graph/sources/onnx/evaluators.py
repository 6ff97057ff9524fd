"""The operators that numbers are computed by; importing this fills :data:`tvm_srq.graph.sources.onnx.numbers.EVALUATORS`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tvm_srq.graph.sources.onnx.numbers import (
    EVALUATORS,
    LARGEST,
    Arrays,
    axes_of,
    evaluates,
    parts_of,
    slices_of,
    target_shape,
)
from tvm_srq.graph.sources.onnx.operation import Operation
from tvm_srq.graph.sources.translation import Refused

FLOAT, DOUBLE, HALF, BFLOAT = 1, 11, 10, 16
DTYPES = {2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_, 12: np.uint32, 13: np.uint64}
DTYPES |= {FLOAT: np.float32, DOUBLE: np.float64, HALF: np.float32, BFLOAT: np.float32}


def quotient(a: NDArray, b: NDArray) -> NDArray:
    """Of integers: towards zero."""
    if np.asarray(a).dtype.kind == "f":
        return a / b
    if not np.all(b):
        raise Refused("divides by zero")
    return (np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))).astype(np.asarray(a).dtype)


ELEMENTWISE: dict[str, Callable[..., NDArray]] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": quotient, "Pow": lambda a, b: np.power(a, b).astype(a.dtype),
    "Neg": np.negative, "Abs": np.abs, "Floor": np.floor, "Ceil": np.ceil, "Round": np.rint, "Sqrt": np.sqrt, "Exp": np.exp,
    "Reciprocal": np.reciprocal, "Not": np.logical_not, "And": np.logical_and, "Or": np.logical_or, "Equal": np.equal,
    "Less": np.less, "LessOrEqual": np.less_equal, "Greater": np.greater, "GreaterOrEqual": np.greater_equal, "Where": np.where,
    "Identity": lambda a, *_: a, "Dropout": lambda a, *_: a, "MatMul": np.matmul,
}  # fmt: skip
REDUCTIONS: dict[str, Callable[..., NDArray]] = {
    "ReduceSum": np.sum, "ReduceProd": np.prod, "ReduceMax": np.max, "ReduceMin": np.min, "ReduceMean": np.mean,
}  # fmt: skip


@evaluates(*ELEMENTWISE)
def elementwise(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    return [ELEMENTWISE[operation.operator](*inputs)]


@evaluates("Max", "Min")
def extreme(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    function = np.maximum if operation.operator == "Max" else np.minimum
    return [functools.reduce(function, inputs)]  # type: ignore[arg-type]


@evaluates("Mod")
def remainder(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    if not np.all(inputs[1]):
        raise Refused("divides by zero")
    return [(np.fmod if operation.attribute("fmod", 0) else np.mod)(*inputs)]  # type: ignore


@evaluates(*REDUCTIONS)
def reduction(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    values, axes = inputs[0], axes_of(operation, inputs)
    assert values is not None
    if not axes and operation.attribute("noop_with_empty_axes", 0):
        return [values]
    over = tuple(axes) if axes else tuple(range(values.ndim))
    result = REDUCTIONS[operation.operator](values, axis=over, keepdims=bool(operation.attribute("keepdims", 1)))
    return [result.astype(values.dtype)]


@evaluates("Constant")
def constant(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    kinds = {"value_int": np.int64, "value_ints": np.int64, "value_float": np.float32, "value_floats": np.float32}
    for name, dtype in kinds.items():
        if name in operation.attributes:
            return [np.array(operation.attributes[name], dtype)]
    if not isinstance(operation.attribute("value"), np.ndarray):
        raise Refused("is no constant of numbers")
    return [operation.attribute("value")]


@evaluates("ConstantOfShape")
def constant_of_shape(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    value = operation.attribute("value", np.zeros(1, np.float32))
    return [np.full(checked([int(length) for length in inputs[0]]), value.reshape(-1)[0], value.dtype)]  # type: ignore[union-attr]


def checked(shape: Sequence[int]) -> Sequence[int]:
    """A shape that is not too large."""
    if min(shape, default=0) < 0 or np.prod([float(length) for length in shape]) > LARGEST:
        raise Refused(f"makes an array of the shape {tuple(shape)}")
    return shape


@evaluates("Range")
def numbers_between(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    start, limit, delta = (values.item() for values in inputs)  # type: ignore[union-attr]
    if not delta:
        raise Refused("counts by steps of 0")
    checked([max(int((limit - start) / delta), 0)])
    return [np.arange(start, limit, delta, dtype=inputs[0].dtype)]  # type: ignore[union-attr]


@evaluates("Cast", "CastLike")
def cast(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    values = inputs[0]
    assert values is not None
    dtype = DTYPES.get(operation.attribute("to", 0)) if operation.operator == "Cast" else inputs[1].dtype  # type: ignore[union-attr]
    if dtype is None:
        raise Refused("converts to an unknown type")
    return [values.astype(dtype)]


@evaluates("Shape")
def shape(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    whole = np.array(np.shape(inputs[0]), np.int64)  # type: ignore[arg-type]
    return [whole[operation.attribute("start", 0) : operation.attribute("end")]]


@evaluates("Size")
def size(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    return [np.array(np.size(inputs[0]), np.int64)]  # type: ignore[arg-type]


@evaluates("Gather")
def gather(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    return [np.take(inputs[0], inputs[1], axis=operation.attribute("axis", 0))]  # type: ignore[arg-type]


@evaluates("Concat")
def concatenation(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    return [np.concatenate(inputs, axis=operation.attribute("axis"))]  # type: ignore[arg-type]


@evaluates("Slice")
def slices(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    values = inputs[0]
    assert values is not None
    index = [slice(None)] * values.ndim
    for axis, start, end, step in slices_of(operation, inputs, values.ndim):
        index[axis] = slice(start, end, step)
    return [values[tuple(index)]]


@evaluates("Split")
def split(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    values, axis = inputs[0], operation.attribute("axis", 0)
    assert values is not None
    sizes = parts_of(operation, inputs[1] if len(inputs) > 1 else None, values.shape[axis])
    return np.split(values, np.cumsum(sizes)[:-1], axis=axis)


@evaluates("Squeeze")
def squeeze(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    axes = axes_of(operation, inputs)
    return [np.squeeze(inputs[0], None if axes is None else tuple(axes))]  # type: ignore[arg-type]


@evaluates("Unsqueeze")
def unsqueeze(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    return [np.expand_dims(inputs[0], tuple(axes_of(operation, inputs) or ()))]  # type: ignore[arg-type]


@evaluates("Reshape")
def reshape(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    values, wanted = inputs
    assert values is not None and wanted is not None
    return [values.reshape(target_shape(operation, values.shape, wanted.tolist()))]


@evaluates("Flatten")
def flatten(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    values, axis = inputs[0], operation.attribute("axis", 1)
    assert values is not None
    return [values.reshape(int(np.prod(values.shape[:axis])), -1)]


@evaluates("Transpose")
def transpose(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    return [np.transpose(inputs[0], operation.attribute("perm"))]  # type: ignore[arg-type]


@evaluates("Expand")
def expand(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    values, wanted = inputs
    assert values is not None and wanted is not None
    return [np.broadcast_to(values, checked(np.broadcast_shapes(values.shape, tuple(wanted.tolist()))))]


@evaluates("Tile")
def tile(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    values, times = inputs
    assert values is not None and times is not None
    checked([int(length * count) for length, count in zip(values.shape, times, strict=True)])
    return [np.tile(values, times.tolist())]


__all__ = ["EVALUATORS"]
