"""Windows and means of all pixels."""

from __future__ import annotations

from typing import Any

from tvm_srq.graph.sources.handlers import resampling as torch_handlers
from tvm_srq.graph.sources.onnx.handlers.convolutions import borders, pair
from tvm_srq.graph.sources.onnx.numbers import axes_of
from tvm_srq.graph.sources.onnx.operation import Operation
from tvm_srq.graph.sources.onnx.pending import Total
from tvm_srq.graph.sources.onnx.translation import OnnxTranslation, handles
from tvm_srq.graph.sources.partial import reduced
from tvm_srq.graph.sources.sizes import product_of
from tvm_srq.graph.sources.views import View


@handles("MaxPool")
def max_pool(t: OnnxTranslation, o: Operation) -> View:
    if pair(o, "dilations") != (1, 1):
        t.refuse("takes the largest of pixels that are no neighbours")
    return pooled(t, o, "max_pool")


@handles("AveragePool")
def average_pool(t: OnnxTranslation, o: Operation) -> View:
    if any(o.attribute("pads") or ()) and not o.attribute("count_include_pad", 0):
        t.refuse("divides by the number of pixels within the map, which differs at its borders")
    if pair(o, "dilations") != (1, 1):
        t.refuse("averages pixels that are no neighbours")
    return pooled(t, o, "average_pool")


def pooled(t: OnnxTranslation, o: Operation, operator: str) -> View:
    kernel, strides = pair(o, "kernel_shape"), pair(o, "strides")
    source = t.source(o)
    if operator == "average_pool" and kernel == t.view_of(source).shape[2:]:
        return t.view_of(t.builder.add("global_average", t.name(o.call("global_average")), [source]))
    top, left, bottom, right = borders(t, o, [size - 1 for size in kernel], strides)
    if (top, left) != (bottom, right):
        t.refuse("has different borders on opposite sides")
    return torch_handlers.pooled(
        t, o.call(operator), operator, source, list(kernel), list(strides), [top, left], bool(o.attribute("ceil_mode", 0))
    )


@handles("GlobalAveragePool")
def global_average(t: OnnxTranslation, o: Operation) -> View:
    return t.view_of(t.builder.add("global_average", t.name(o.call("adaptive_avg_pool2d")), [t.source(o)]))


@handles("ReduceMean")
def mean(t: OnnxTranslation, o: Operation) -> Any:
    axes, keep = reduction(t, o)
    return reduced(t, unfinished(t, o), axes, keep, average=True)


@handles("ReduceSum")
def total(t: OnnxTranslation, o: Operation) -> Total:
    """Left unfinished until it is divided by the number of pixels."""
    axes, keep = reduction(t, o)
    value = t.item(o.input(0))
    shape = value.shape
    places = {axis % len(shape) for axis in (range(len(shape)) if axes is None else axes)}
    count = product_of(shape[place] for place in places)
    if isinstance(value, Total):
        return Total(reduced(t, value.mean, axes, keep, average=True), product_of((value.count, count)))
    return Total(reduced(t, unfinished(t, o), axes, keep, average=True), count)


def reduction(t: OnnxTranslation, o: Operation) -> tuple[list[int] | None, bool]:
    """Axes, and whether they stay as dimensions of length 1."""
    axes = axes_of(o, [None, t.constant(o.input(1))])
    if axes is None and o.attribute("noop_with_empty_axes", 0):
        t.refuse("sums over nothing")
    return axes, bool(o.attribute("keepdims", 1))


def unfinished(t: OnnxTranslation, o: Operation) -> Any:
    """The input, as a map where channels became pixels; sums are refused: their mean is none of all pixels."""
    value = t.item(o.input(0))
    if isinstance(value, Total):
        return t.map(value)
    mixed = isinstance(value, View) and any(len({part.axis for part in parts}) > 1 for parts in value.dimensions)
    return t.view_of(t.map(value)) if mixed else value
