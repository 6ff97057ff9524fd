"""Functions of one value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tvm_srq.graph.sources.calls import Reference
from tvm_srq.graph.sources.handlers import activations as torch_handlers
from tvm_srq.graph.sources.handlers.arithmetic import affine
from tvm_srq.graph.sources.onnx.operation import Operation
from tvm_srq.graph.sources.onnx.pending import Comparison
from tvm_srq.graph.sources.onnx.translation import OnnxTranslation, handles, shortest
from tvm_srq.graph.sources.views import View

FUNCTIONS = {
    "Sigmoid": "sigmoid", "Tanh": "tanh", "HardSwish": "hardswish", "Softplus": "softplus", "Mish": "mish", "Erf": "erf",
    "Exp": "exp", "Abs": "abs", "Sqrt": "sqrt",
}  # fmt: skip
SELU = (1.6732632423543772, 1.0507009873554805)


@handles(*FUNCTIONS)
def function(t: OnnxTranslation, o: Operation) -> View:
    return applied(t, o, FUNCTIONS[o.operator])


def applied(t: OnnxTranslation, o: Operation, name: str) -> View:
    return torch_handlers.applied(t, o.call(name), read(t, o), name)


def read(t: OnnxTranslation, o: Operation) -> Reference:
    """The first input, which has to come from the picture."""
    t.item(o.input(0))
    return Reference(o.input(0))


@handles("Relu")
def relu(t: OnnxTranslation, o: Operation) -> View:
    return torch_handlers.clamped(t, o.call("relu"), read(t, o), 0.0, None)


@handles("Clip")
def clip(t: OnnxTranslation, o: Operation) -> Any:
    """Bounds are inputs from opset 11 on, attributes before."""
    bounds = []
    for index, name in ((1, "min"), (2, "max")):
        given = t.constant(o.input(index))
        value = o.attribute(name) if given is None else given.item()
        bounds.append(None if value is None or abs(value) >= np.finfo(np.float32).max else shortest(value, np.dtype(np.float32)))
    if bounds == [None, None]:
        return t.item(o.input(0))
    return torch_handlers.clamped(t, o.call("clamp"), read(t, o), *bounds)


@handles("LeakyRelu")
def leaky_relu(t: OnnxTranslation, o: Operation) -> View:
    slope = shortest(o.attribute("alpha", 0.01), np.dtype(np.float32))
    return torch_handlers.leaky_relu(t, o.call("leaky_relu"), read(t, o), slope)


@handles("PRelu")
def prelu(t: OnnxTranslation, o: Operation) -> View:
    """With one slope or one for each channel."""
    slope = t.tensor(o.input(1))
    view = t.seen(o)
    t.channel_values(view, slope)
    return torch_handlers.prelu(t, o.call("prelu"), read(t, o), slope)


@handles("HardSigmoid")
def hard_sigmoid(t: OnnxTranslation, o: Operation) -> View:
    """``max(0, min(1, alpha * x + beta))``."""
    alpha, beta = (shortest(o.attribute(name, value), np.dtype(np.float32)) for name, value in (("alpha", 0.2), ("beta", 0.5)))
    if np.isclose(alpha, 1 / 6, rtol=1e-6) and beta == 0.5:
        return applied(t, o, "hardsigmoid")
    view = affine(t, o.call("hardsigmoid.affine"), t.seen(o), alpha, beta)
    return replace(view, base=t.builder.clamp(t.name(o.call("hardsigmoid")), view.base, 0.0, 1.0))


@handles("Elu")
def elu(t: OnnxTranslation, o: Operation) -> View:
    """Of another ``alpha`` than 1: negative results are that many times as large."""
    view = applied(t, o, "elu")
    alpha = shortest(o.attribute("alpha", 1.0), np.dtype(np.float32))
    return view if alpha == 1 else replace(view, base=t.builder.prelu(f"{view.base}.alpha", view.base, alpha))


@handles("Selu")
def selu(t: OnnxTranslation, o: Operation) -> View:
    given = o.attribute("alpha", SELU[0]), o.attribute("gamma", SELU[1])
    if not np.allclose(given, SELU, rtol=1e-5, atol=0):
        t.refuse(f"has the factors {given[0]} and {given[1]}")
    return applied(t, o, "selu")


@handles("Gelu")
def gelu(t: OnnxTranslation, o: Operation) -> View:
    return applied(t, o, "gelu" if o.attribute("approximate", "none") == "none" else "gelu_tanh")


@handles("Greater")
def greater(t: OnnxTranslation, o: Operation) -> Comparison:
    bound = t.constant(o.input(1))
    if bound is None or bound.size != 1:
        t.refuse("compares values with other values than one number")
    return Comparison(t.seen(o), float(bound.item()))


@handles("Where")
def softplus_where_it_bends(t: OnnxTranslation, o: Operation) -> View:
    """A softplus that is the value itself above 20, where float32 sees no difference; no other choice between values."""
    condition, above, below = (t.values.get(name) for name in o.inputs)
    if isinstance(above, View) and isinstance(below, View) and condition == Comparison(above, 20.0):
        node = t.builder.by_name.get(below.base)
        softplus = node is not None and node.attributes.get("function") == "softplus" and node.inputs == (above.base,)
        if softplus and below.dimensions == above.dimensions:
            return below
    t.refuse("chooses between values pixel by pixel")


@handles("Pow")
def power(t: OnnxTranslation, o: Operation) -> Any:
    exponent = t.constant(o.input(1))
    if exponent is None or exponent.size != 1:
        t.refuse("takes powers that are not one number")
    value = exponent.item()
    if value == 3:
        square = applied(t, o, "square")
        return replace(square, base=t.builder.add("multiply", t.name(o.call("cube")), [square.base, t.seen(o).base]))
    return torch_handlers.power(t, o.call("pow"), read(t, o), value)
