"""Functions of one value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tvm_srq.graph.sources.calls import Call, Reference
from tvm_srq.graph.sources.moments import after
from tvm_srq.graph.sources.translation import Translation, handles
from tvm_srq.graph.sources.views import View, coordinates_of_channels


@handles("relu.default")
def relu(t: Translation, call: Call, self: Reference) -> View:
    return clamped(t, call, self, 0.0, None)


@handles("relu6.default")
def relu6(t: Translation, call: Call, self: Reference) -> View:
    return clamped(t, call, self, 0.0, 6.0)


@handles("hardtanh.default")
def hardtanh(t: Translation, call: Call, self: Reference, min_val: float, max_val: float) -> View:
    return clamped(t, call, self, min_val, max_val)


@handles("clamp.default", "clip.default")
def clamp(t: Translation, call: Call, self: Reference, min: float | None, max: float | None) -> View:
    return clamped(t, call, self, min, max)


@handles("clamp_min.default")
def clamp_min(t: Translation, call: Call, self: Reference, min: float) -> View:
    return clamped(t, call, self, min, None)


@handles("clamp_max.default")
def clamp_max(t: Translation, call: Call, self: Reference, max: float) -> View:
    return clamped(t, call, self, None, max)


def clamped(t: Translation, call: Call, reference: Reference, low: float | None, high: float | None) -> View:
    """Between numbers."""
    if not all(bound is None or isinstance(bound, (int, float)) for bound in (low, high)):
        t.refuse("has bounds that depend on the picture's size")
    view = t.view(reference)
    bounds = (None if bound is None or np.isinf(bound) else float(bound) for bound in (low, high))
    return replace(view, base=t.builder.clamp(t.name(call), view.base, *bounds))


@handles("leaky_relu.default")
def leaky_relu(t: Translation, call: Call, self: Reference, negative_slope: float) -> View:
    view = t.view(self)
    return replace(view, base=t.builder.prelu(t.name(call), view.base, negative_slope))


@handles("prelu.default", "_prelu_kernel.default")
def prelu(t: Translation, call: Call, self: Reference, weight: Reference) -> View:
    """With one slope, or one for each channel, which are the second dimension."""
    view, slope = t.view(self), t.array(weight)
    assert slope is not None
    slope = slope.reshape(-1)
    if slope.size > 1:
        where = coordinates_of_channels(view.dimensions[1], t.builder.channels[view.base])
        if where is None:
            t.refuse("has slopes for something else than channels")
        slope = slope[where]
    key = t.key(weight)
    name = (key.rpartition(".")[0] if key else "") or t.name(call)
    use = (key, None, "prelu")
    made = t.builder.prelu(name, view.base, slope, t.first_uses.get(use) if key else None)
    t.first_uses.setdefault(use, made)
    return replace(view, base=made)


@handles(
    "sigmoid.default", "silu.default", "tanh.default", "hardsigmoid.default", "hardswish.default", "mish.default", "exp.default",
    "abs.default", "square.default", "sqrt.default", "erf.default",
)  # fmt: skip
def function(t: Translation, call: Call, self: Reference) -> Any:
    kind = call.target.split(".")[0]
    moment = after(t.value(self), kind)
    return applied(t, call, self, kind) if moment is None else moment


@handles("rsqrt.default")
def reciprocal_root(t: Translation, call: Call, self: Reference) -> Any:
    moment = after(t.value(self), "rsqrt")
    return t.refuse("divides by something that comes from the picture") if moment is None else moment


@handles("gelu.default")
def gelu(t: Translation, call: Call, self: Reference, approximate: str) -> View:
    return applied(t, call, self, "gelu" if approximate == "none" else "gelu_tanh")


@handles("softplus.default")
def softplus(t: Translation, call: Call, self: Reference, beta: float, threshold: float) -> View:
    if (beta, threshold) != (1, 20):
        t.refuse(f"has the sharpness {beta} and the threshold {threshold}")
    return applied(t, call, self, "softplus")


@handles("elu.default")
def elu(t: Translation, call: Call, self: Reference, alpha: float, scale: float, input_scale: float) -> View:
    if (alpha, scale, input_scale) == (1, 1, 1):
        return applied(t, call, self, "elu")
    if np.allclose((alpha, scale, input_scale), (1.6732632423543772, 1.0507009873554805, 1), atol=0):
        return applied(t, call, self, "selu")
    t.refuse(f"has the factors {alpha}, {scale} and {input_scale}")


@handles("selu.default")
def selu(t: Translation, call: Call, self: Reference) -> View:
    return applied(t, call, self, "selu")


@handles("pow.Tensor_Scalar")
def power(t: Translation, call: Call, self: Reference, exponent: Any) -> Any:
    moment = after(t.value(self), {2: "square", 0.5: "sqrt", -0.5: "rsqrt"}.get(exponent, ""))
    if moment is not None:
        return moment
    if exponent == 1:
        return t.view(self)
    if exponent not in (2, 0.5):
        t.refuse(f"takes the power {exponent}")
    return applied(t, call, self, "square" if exponent == 2 else "sqrt")


def applied(t: Translation, call: Call, reference: Reference, function: str) -> View:
    """A function of the operator's list."""
    view = t.view(reference)
    return replace(view, base=t.builder.add("function", t.name(call, function), [view.base], {"function": function}))
