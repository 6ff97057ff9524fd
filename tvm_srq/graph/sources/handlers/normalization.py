"""Layer, group and instance norm; batch norm is an affine map and with the convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tvm_srq.graph.sources.calls import Call, Reference
from tvm_srq.graph.sources.handlers.arithmetic import affine
from tvm_srq.graph.sources.translation import Translation, handles
from tvm_srq.graph.sources.views import Part, View, coordinates_of_channels


@handles("layer_norm.default")
def layer_norm(
    t: Translation, call: Call, input: Reference, normalized_shape: Sequence[int], weight: Reference | None,
    bias: Reference | None, eps: float, **_: Any,
) -> View:  # fmt: skip
    """Over the last dimension, where it is the channels."""
    view = t.view(input)
    if len(normalized_shape) != 1 or view.dimensions[-1] != (Part("channel", t.builder.channels[view.base]),):
        t.refuse("normalizes over something else than channels")
    made = replace(view, base=t.builder.add("layer_norm", t.name(call), [view.base], {"epsilon": eps}))
    return scaled(t, call, made, len(view.dimensions) - 1, weight, bias)


@handles("group_norm.default")
def group_norm(
    t: Translation, call: Call, input: Reference, num_groups: int, weight: Reference | None, bias: Reference | None, eps: float,
    **_: Any,
) -> View:  # fmt: skip
    view = t.view_of(t.map(input))
    made = t.builder.add("group_norm", t.name(call), [view.base], {"groups": num_groups, "epsilon": eps})
    return scaled(t, call, t.view_of(made), 1, weight, bias)


@handles("instance_norm.default")
def instance_norm(
    t: Translation, call: Call, input: Reference, weight: Reference | None, bias: Reference | None, use_input_stats: bool,
    eps: float, **_: Any,
) -> View:  # fmt: skip
    if not use_input_stats:
        t.refuse("normalizes by statistics of its own")
    return group_norm(t, call, input, t.builder.channels[t.map(input)], weight, bias, eps)


def scaled(t: Translation, call: Call, view: View, place: int, weight: Reference | None, bias: Reference | None) -> View:
    """Factors and offsets along a dimension."""
    where = coordinates_of_channels(view.dimensions[place], t.builder.channels[view.base])
    scale, offset = t.array(weight), t.array(bias)
    if scale is None and offset is None:
        return view
    if where is None:
        t.refuse("has factors for something else than channels")
    return affine(t, call, view, 1.0 if scale is None else scale[where], 0.0 if offset is None else offset[where])
