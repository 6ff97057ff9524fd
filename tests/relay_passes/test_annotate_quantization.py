"""Convolutions named by the QuantSpec become quantize - integer conv2d - affine; everything else stays."""

import numpy as np
import tvm
from graphs import affine, assert_becomes, call, constant, feature_map, graph, number, tensor
from tvm import IRModule, relax

from relay_passes.annotate_quantization import annotate_quantization
from tvm_srq.spec import GridQuantizer, LayerSpec, QuantSpec

op = relax.op
RANDOM = np.random.default_rng(0)
HEAD, BODY = RANDOM.integers(-7, 8, (4, 3, 3, 3)).astype(np.int8), RANDOM.integers(-7, 8, (4, 4, 3, 3)).astype(np.int8)
HEAD_SCALE, BODY_SCALE = np.full(4, 0.25, np.float32), np.array([0.5, 1, 2, 4], np.float32)
LEVELS = np.array([-5, -2, -1, 0, 1, 2, 3, 8], np.int16)
SPEC = QuantSpec("edsr", {}, {
    "head.0": LayerSpec(HEAD, HEAD_SCALE, 8, None, 0.125),
    "body.1": LayerSpec(BODY, BODY_SCALE, 4, GridQuantizer(3, 0.5, -3, LEVELS)),
}, {})  # fmt: skip
TYPES = {
    "x": feature_map(3), "p_network_head_0_weight": tensor(4, 3, 3, 3), "p_network_body_1_weight": tensor(4, 4, 3, 3),
    "p_network_other_weight": tensor(4, 4, 1, 1),
}  # fmt: skip
OTHER = RANDOM.normal(size=(4, 4, 1, 1)).astype(np.float32)


def imported() -> IRModule:
    """Three convolutions, the last of which the QuantSpec does not name, an addition of feature maps and one of a bias."""

    def build(emit, x, head, body, other):
        first = emit(op.add(emit(op.nn.conv2d(x, head, padding=1)), number(np.ones((1, 4, 1, 1)))))
        second = emit(op.add(emit(op.nn.conv2d(first, body, padding=1)), first))
        return emit(op.nn.conv2d(second, other))

    parameters = [tvm.runtime.tensor(v) for v in (HEAD * np.float32(0.25), BODY.astype(np.float32), OTHER)]
    module = graph(build, **TYPES)
    return IRModule({"main": module["main"].with_attrs({"num_input": 1, "params": parameters})})


def annotated(emit, x):
    codes = emit(call("srq.quantize", [x], feature_map(3, "int16"), layer="head.0", picture=1))
    details = {"layer": "head.0", "weight_bits": 8, "groups": 1, "stream_step": 0.125}
    sums = emit(call("srq.conv2d", [codes, constant(HEAD), constant(HEAD_SCALE)], feature_map(4, "int32"), **details))
    first = emit(op.add(emit(affine(sums, 1.0)), number(np.ones((1, 4, 1, 1)))))
    details = {"layer": "body.1", "bits": 3, "step": 0.5, "low": -3, "levels": LEVELS.tolist()}
    codes = emit(call("srq.quantize", [first], feature_map(4, "int16"), **details))
    details = {"layer": "body.1", "weight_bits": 4, "groups": 1, "stream_step": -1.0}
    sums = emit(call("srq.conv2d", [codes, constant(BODY), constant(BODY_SCALE)], feature_map(4, "int32"), **details))
    second = emit(call("srq.add", [emit(affine(sums, [0.25, 0.5, 1.0, 2.0])), first], feature_map(4)))
    return emit(op.nn.conv2d(second, number(OTHER)))


def test_named_convolutions_and_additions_of_feature_maps():
    after = graph(annotated, x=feature_map(3))
    expected = IRModule({"main": after["main"].with_attr("num_input", 1)})
    assert_becomes(annotate_quantization(SPEC), imported(), expected)


def test_the_quantizers_can_be_read_in_the_printed_ir():
    text = annotate_quantization(SPEC)(imported()).script()
    assert "srq.quantize" in text and '"layer": "body.1"' in text and '"levels": [-5, -2, -1, 0, 1, 2, 3, 8]' in text
