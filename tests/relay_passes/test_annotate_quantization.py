"""Annotated modules hold the whole quantization, readable when printed, and give it back."""

import numpy as np
import pytest
from quantized import GRIDS, quantized
from small_networks import NETWORKS

from relay_passes.annotate_quantization import annotate_quantization, quantization_of
from relay_passes.import_graph import import_graph
from relay_passes.operators import bindings, is_call
from tvm_srq.spec import QuantSpec


def annotated(spec: QuantSpec):  # noqa: ANN201 - IRModule
    return annotate_quantization(spec)(import_graph(spec.graph))


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_quantization_comes_back_as_it_was(name, grid):
    spec = quantized(name, grid)
    again = quantization_of(annotated(spec))
    assert again.streams == spec.streams and again.tables.keys() == spec.tables.keys() and list(again.layers) == list(spec.layers)
    assert all(np.array_equal(table, again.tables[key]) for key, table in spec.tables.items())
    for key, layer in spec.layers.items():
        other = again.layers[key]
        for field in ("weight", "weight_scale", "equalization", "zero_point", "correction"):
            one, two = getattr(layer, field), getattr(other, field)
            assert (one is None) == (two is None), field
            assert one is None or (one.dtype == two.dtype and np.array_equal(one, two)), field
        assert (layer.input is None) == (other.input is None) and layer.weight_bits == other.weight_bits
        if layer.input is not None:
            assert (layer.input.bits, layer.input.step, layer.input.low) == (other.input.bits, other.input.step, other.input.low)
            assert np.array_equal(layer.input.levels, other.input.levels)


def test_every_convolution_reads_codes_but_those_of_the_picture():
    spec = quantized("dense_block", "dual region")
    values = [value for _, value in bindings(annotated(spec)["main"])]
    quantized_layers = [str(value.attrs["layer"]) for value in values if is_call(value, "srq.quantize")]
    convolutions = [str(value.attrs["node"]) for value in values if is_call(value, "srq.conv2d")]
    assert convolutions == list(spec.layers) and quantized_layers == [name for name in spec.layers if name != "first"]
    assert not any(is_call(value, "graph.convolution") for value in values)


def test_names_that_differ_in_dots_alone_stay_apart():
    spec = quantized("alike_names", "uniform")
    assert [name for name in quantization_of(annotated(spec)).layers] == ["x.y_z", "x_y.z", "last"]
