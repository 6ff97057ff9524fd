"""Networks that were quantized already: stored codes become the floats they stand for, ranges of values are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_srq.graph.sources.onnx.numbers import Arrays, evaluates
from tvm_srq.graph.sources.onnx.operation import Operation
from tvm_srq.graph.sources.onnx.pending import Codes
from tvm_srq.graph.sources.onnx.translation import OnnxTranslation, handles
from tvm_srq.graph.sources.translation import Refused

BITS = {"uint8": 8, "int8": 8, "uint16": 16, "int16": 16, "uint4": 4, "int4": 4}
TYPES = {2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 21: "uint4", 22: "int4"}


@handles("QuantizeLinear")
def quantize(t: OnnxTranslation, o: Operation) -> Codes:
    """The value as it was; its range is written down."""
    scale, zero_point = t.constant(o.input(1)), t.constant(o.input(2))
    code = code_type(o, zero_point)
    if scale is None or scale.size != 1 or code not in BITS:
        t.refuse(f"quantizes channels by steps of their own, or to {code}")
    value = t.item(o.input(0))
    zero, step = 0 if zero_point is None else int(zero_point.astype(np.int64).item()), float(scale.item())
    low, high = ends_of(code)
    name, found = t.map(value), ((low - zero) * step, (high - zero) * step)
    if t.ranges.setdefault(name, found) != found:
        t.refuse(f"quantizes {name} in another way than a node before")
    return Codes(value, step, zero)


@handles("DequantizeLinear")
def dequantize(t: OnnxTranslation, o: Operation) -> Any:
    value = t.item(o.input(0))
    scale, zero_point = t.constant(o.input(1)), t.constant(o.input(2))
    zero = 0 if zero_point is None else int(zero_point.astype(np.int64).item())
    if not isinstance(value, Codes) or scale is None or (float(scale.item()), zero) != (value.scale, value.zero_point):
        t.refuse("reads codes by other steps than they were made with")
    return value.value


def ends_of(code: str) -> tuple[int, int]:
    """The lowest and the highest code of a type."""
    low = 0 if code.startswith("u") else -(2 ** (BITS[code] - 1))
    return low, low + 2 ** BITS[code] - 1


def code_type(o: Operation, zero_point: NDArray | None) -> str:
    return TYPES.get(o.attribute("output_dtype", 0), "uint8") if zero_point is None else zero_point.dtype.name


def beside(values: NDArray, parameter: NDArray, axis: int) -> NDArray:
    """Scales or zero points so that they are broadcast along their axis."""
    if parameter.size == 1:
        return parameter.reshape(())
    if parameter.ndim != 1 or parameter.size != values.shape[axis]:
        raise Refused("has scales for blocks of weights")
    return parameter.reshape([-1 if place == axis % values.ndim else 1 for place in range(values.ndim)])


@evaluates("DequantizeLinear")
def stored_values(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    """Weights: ``(code - zero point) * scale`` in float32, so that each value is its code's to the last bit."""
    codes, scale, zero = (*inputs, None)[:3]
    assert codes is not None and scale is not None
    axis = operation.attribute("axis", 1)
    whole = codes.astype(np.int64)
    if zero is not None:
        whole = whole - beside(codes, zero.astype(np.int64), axis)
    return [whole.astype(np.float32) * beside(codes, scale.astype(np.float32), axis)]


@evaluates("QuantizeLinear")
def codes_of(operation: Operation, inputs: Arrays) -> Sequence[NDArray]:
    """Weights stored as floats in a file that quantizes them when it is run."""
    values, scale, zero = (*inputs, None)[:3]
    assert values is not None and scale is not None
    axis, code = operation.attribute("axis", 1), code_type(operation, zero)
    if code not in BITS:
        raise Refused(f"quantizes to {code}")
    offset = np.int64(0) if zero is None else beside(values, zero.astype(np.int64), axis)
    whole = np.rint(values.astype(np.float32) / beside(values, scale.astype(np.float32), axis)) + offset
    return [np.clip(whole, *ends_of(code)).astype(np.int32)]
