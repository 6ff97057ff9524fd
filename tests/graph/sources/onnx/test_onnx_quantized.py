"""Files that were quantized: weights as floats of their codes, ranges of values kept."""

import numpy as np
import pytest
from onnx_networks import File, assert_same, operators, refused
from small_network import small_pictures

from tvm_srq import api
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.sources.onnx import import_onnx
from tvm_srq.quant.policy.table import rows_of_spec
from tvm_srq.spec_file import load_spec


def test_pairs(tmp_path):
    file = File(opset=19)
    codes = file.random.integers(-127, 128, (3, 3, 3, 3)).astype(np.int8)
    scales = np.array([0.01, 0.003, 0.7e-3], np.float32)
    stored = file.constant(codes, np.int8, name="body.0.weight_quantized")
    zero = file.constant([0, 0, 0], np.int8)
    weight = file.node("DequantizeLinear", stored, file.constant(scales), zero, axis=0)
    picture_zero, value_zero = file.constant(3, np.uint8), file.constant(-5, np.int8)
    x = file.node("QuantizeLinear", "picture_in", file.constant(0.02), picture_zero)
    x = file.node("DequantizeLinear", x, file.constant(0.02), picture_zero)
    made = file.node("Relu", file.node("Conv", x, weight, pads=[1, 1, 1, 1]))
    made = file.node("QuantizeLinear", made, file.constant(0.05), value_zero)
    path = file.save(tmp_path / "network.onnx", file.node("DequantizeLinear", made, file.constant(0.05), value_zero))
    found = import_onnx(path)
    assert operators(found.graph) == ["convolution", "prelu"]
    node = next(found.graph.convolutions())
    assert node.name == "body.0"
    assert (found.graph.parameter(node, "weight") == codes.astype(np.float32) * scales[:, None, None, None]).all()
    step, another = float(np.float32(0.02)), float(np.float32(0.05))
    assert found.ranges == {"picture": (-3 * step, 252 * step), found.graph.output: (-123 * another, 132 * another)}
    assert GraphNetwork(found.graph).get_submodule("body.0").weight.shape == (3, 3, 3, 3)


def test_weights_that_are_quantized_when_the_file_is_run(tmp_path):
    file = File(opset=19)
    weight, scale, zero = file.values(3, 3, 3, 3), file.constant(0.01), file.constant(0, np.int8)
    stored = file.node("DequantizeLinear", file.node("QuantizeLinear", weight, scale, zero), scale, zero)
    path = file.save(tmp_path / "network.onnx", file.node("Conv", "picture_in", stored, pads=[1, 1, 1, 1]))
    found = import_onnx(path)
    assert not found.ranges
    assert_same(found.graph, path)


def test_codes_read_by_other_steps(tmp_path):
    file = File(opset=19)
    zero = file.constant(0, np.uint8)
    codes = file.node("QuantizeLinear", "picture_in", file.constant(0.02), zero)
    path = file.save(tmp_path / "network.onnx", file.node("DequantizeLinear", codes, file.constant(0.03), zero))
    refused(path, r"\(DequantizeLinear\) reads codes by other steps")


def quantized_network(path, opset: int = 19):
    """Two convolutions with pairs before the second, and one whose input has no range."""
    file = File(opset)
    zero = file.constant(-128, np.int8)
    value = file.node("Relu", file.convolution("picture_in", 3, 8, 3))
    scale = file.constant(0.01)
    value = file.node("DequantizeLinear", file.node("QuantizeLinear", value, scale, zero), scale, zero)
    value = file.node("Relu", file.convolution(value, 8, 8, 3))
    return file.save(path, file.node("DepthToSpace", file.convolution(value, 8, 12, 3), blocksize=2, mode="CRD"))


@pytest.mark.parametrize("bits", [4, 8])
def test_the_file_s_ranges_are_those_of_the_layers(bits, tmp_path, capsys):
    """As a table that says just this would have them; layers whose inputs have none are calibrated."""
    path = quantized_network(tmp_path / "network.onnx")
    (tmp_path / "pictures").mkdir()
    pictures = small_pictures(tmp_path / "pictures")
    settings = {"weight_bits": bits, "activation_bits": bits, "rounding": "nearest", "widening": False}
    api.quantize(path, pictures, tmp_path / "net.srq", **settings)
    assert "1 of 2 values that layers read keep the ranges of the network's file" in capsys.readouterr().err
    spec = load_spec(tmp_path / "net.srq")
    assert "the file's 1 ranges" in api.inspect(tmp_path / "net.srq").splitlines()[0]
    rows = {row.layer: row for row in rows_of_spec(spec)}
    names = [node.name for node in spec.graph.convolutions()]
    step = spec.layers[names[1]].input.step
    assert rows[names[1]].low == 0 and abs(rows[names[1]].high - 2.55) <= step
    table = tmp_path / "table.csv"
    kind = "dual-region" if bits < 6 else "uniform"
    table.write_text(f"layer,weight_bits,activation_bits,quantizer,low,high\n{names[1]},{bits},{bits},{kind},0,2.55\n")
    api.quantize(path, pictures, tmp_path / "told.srq", table=table, **settings)
    told = load_spec(tmp_path / "told.srq")
    for name in names:
        one, other = spec.layers[name], told.layers[name]
        np.testing.assert_array_equal(one.weight, other.weight)
        if one.input is not None:
            assert abs(one.input.step - other.input.step) < 1e-7
            np.testing.assert_array_equal(one.input.levels, other.input.levels)


def test_ranges_that_plain_quantizers_cannot_keep_are_told(tmp_path, capsys):
    path = quantized_network(tmp_path / "network.onnx")
    (tmp_path / "pictures").mkdir()
    api.quantize(path, small_pictures(tmp_path / "pictures"), tmp_path / "net.srq", quantizer="minmax")
    assert "1 ranges of the network's file are not used: leave --quantizer" in capsys.readouterr().err
