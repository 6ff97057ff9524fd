"""Sums, differences, products, quotients, bounds."""

from __future__ import annotations

from typing import Any

import numpy as np

from tvm_srq.graph.sources.calls import Reference
from tvm_srq.graph.sources.handlers import activations as torch_activations
from tvm_srq.graph.sources.handlers import arithmetic as torch_handlers
from tvm_srq.graph.sources.onnx.numbers import Sampled
from tvm_srq.graph.sources.onnx.operation import Operation
from tvm_srq.graph.sources.onnx.pending import Total
from tvm_srq.graph.sources.onnx.translation import OnnxTranslation, handles, shortest
from tvm_srq.graph.sources.sizes import values_of
from tvm_srq.graph.sources.views import View, expanded


@handles("Add")
def add(t: OnnxTranslation, o: Operation) -> View:
    return torch_handlers.add(t, o.call("add"), *operands(t, o), alpha=1)


@handles("Sub")
def subtract(t: OnnxTranslation, o: Operation) -> View:
    return torch_handlers.subtract(t, o.call("sub"), *operands(t, o), alpha=1)


@handles("Mul")
def multiply(t: OnnxTranslation, o: Operation) -> Any:
    """A value times itself is its square."""
    for this, other in ((0, 1), (1, 0)):
        if isinstance(t.values.get(o.input(this)), Total) and t.is_number(o.input(other)):
            return mean_of(t, o, this, other)
    if o.input(0) == o.input(1):
        return torch_activations.applied(t, o.call("square"), t.tensor(o.input(0)), "square")
    return torch_handlers.multiply(t, o.call("mul"), *operands(t, o))


@handles("Div")
def divide(t: OnnxTranslation, o: Operation) -> Any:
    if isinstance(t.values.get(o.input(0)), Total) and t.is_number(o.input(1)):
        return mean_of(t, o, 0, 1)
    return torch_handlers.divide(t, o.call("div"), *operands(t, o))


@handles("Neg")
def negate(t: OnnxTranslation, o: Operation) -> View:
    return torch_handlers.scaled(t, o.call("neg"), t.seen(o), -1.0)


@handles("Sum", "Mean")
def total(t: OnnxTranslation, o: Operation) -> View:
    """Of any number of values, one after the other."""
    result = t.tensor(o.inputs[0])
    for name in o.inputs[1:]:
        t.values[o.outputs[0]] = torch_handlers.add(t, o.call("add"), result, t.operand(name), alpha=1)
        result = Reference(o.outputs[0])
    view = t.view(result)
    return view if o.operator == "Sum" else torch_handlers.scaled(t, o.call("mean"), view, 1 / len(o.inputs))


@handles("Max", "Min")
def bound(t: OnnxTranslation, o: Operation) -> Any:
    """With numbers: of two maps there is no operator."""
    maps = [name for name in o.inputs if not t.is_number(name)]
    bounds = [value for name in o.inputs if t.is_number(name) and (value := t.constant(name)) is not None]
    if len(maps) != 1 or not all(value.size == 1 for value in bounds):
        t.refuse("compares values with other values than one number")
    if not bounds:
        return t.item(maps[0])
    numbers = [shortest(value.item(), np.dtype(np.float32)) for value in bounds]
    limits = (max(numbers), None) if o.operator == "Max" else (None, min(numbers))
    t.item(maps[0])
    return torch_activations.clamped(t, o.call("clamp"), Reference(maps[0]), *limits)


def operands(t: OnnxTranslation, o: Operation) -> tuple[Any, Any]:
    """Both inputs; a map of one channel that meets constants for several has its channel repeated."""
    first, second = (t.operand(name) for name in o.inputs)
    for item, other in ((first, second), (second, first)):
        if not isinstance(item, Reference) or not isinstance(other, Reference) or t.is_number(item.name):
            continue
        constant = t.numbers.get(other.name)
        if isinstance(constant, np.ndarray):
            widen(t, item, constant.shape)
    return first, second


def widen(t: OnnxTranslation, reference: Reference, shape: tuple[int, ...]) -> None:
    view = t.view(reference)
    if len(shape) > len(view.dimensions):
        return
    trailing = (1,) * (len(view.dimensions) - len(shape)) + shape
    if t.builder.channels[view.base] == 1 and len(trailing) == 4 and trailing[1] > 1 and not view.dimensions[1]:
        wanted = [trailing[1] if place == 1 else length for place, length in enumerate(view.shape)]
        t.values[reference.name] = t.view_of(t.map(expanded(view, wanted)))


def mean_of(t: OnnxTranslation, o: Operation, total: int, other: int) -> Any:
    """A sum divided by the number of its terms, or multiplied by one part in this number."""
    value = t.values[o.input(total)]
    numbers = t.numbers[o.input(other)]
    rows = numbers.values.reshape(len(t.samples), -1) if isinstance(numbers, Sampled) else np.asarray(numbers).reshape(1, -1)
    counts = np.array(values_of(value.count, len(t.samples)), np.float64)
    wanted = counts if o.operator == "Div" else 1 / counts
    if rows.shape[1] != 1 or not np.allclose(rows[:, 0], wanted, rtol=1e-6, atol=0):
        t.refuse("does not divide a sum by the number of its pixels")
    return value.mean
