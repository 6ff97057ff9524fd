"""Files that were quantized: weights as floats of their codes, ranges of values kept."""

import numpy as np
from onnx_networks import File, assert_same, operators, refused

from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.sources.onnx import import_onnx


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
    assert found.ranges == {"picture": (step, 3, 8), found.graph.output: (another, -5, 8)}
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
