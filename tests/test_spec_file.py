"""The .srq file: whatever a graph is, it comes back as it was; whatever does not fit is told as damage."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from sketch import Sketch
from small_network import small_network, small_pictures

from tvm_srq.errors import UserError
from tvm_srq.graph.file import describe
from tvm_srq.graph.graph import PICTURE, Graph
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.quant.fitting.calibrate import quantize_network
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.quant.simulate import Simulation
from tvm_srq.spec import GridQuantizer, LayerSpec, QuantSpec
from tvm_srq.spec_check import check_layer, check_spec
from tvm_srq.spec_file import FORMAT, load_spec, pack_codes, save_spec, unpack_codes
from tvm_srq.tensor_file import digest, save_tensors


def everything() -> Graph:
    """Tables, a concatenation, a gate, one convolution applied twice, slopes by channel."""
    sketch = Sketch()
    head = sketch.activated("head", PICTURE)
    first = sketch.builder.add("function", "silu", [sketch.convolution("shared", head)], {"function": "silu"})
    again = sketch.builder.prelu("slopes", sketch.convolution("shared", first, like="shared"), np.linspace(0, 0.5, 4))
    gate = sketch.builder.add("function", "sigmoid", [sketch.convolution("gate", again)], {"function": "sigmoid"})
    both = sketch.concat(head, sketch.node("multiply", again, gate))
    return sketch.build(sketch.add(sketch.convolution("both", both), first))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return small_pictures(tmp_path_factory.mktemp("pictures"), 2)


@pytest.fixture(scope="module")
def spec(pictures) -> QuantSpec:
    return quantize_network(GraphNetwork(everything()), pictures, Settings(widening=False))


def assert_same_layer(found: LayerSpec, wanted: LayerSpec) -> None:
    for key in ("weight", "weight_scale", "equalization", "correction", "zero_point"):
        one, other = getattr(found, key), getattr(wanted, key)
        assert (one is None) == (other is None)
        assert one is None or (one.dtype == other.dtype and np.array_equal(one, other))
    for key in ("weight_bits", "weight_limit", "winograd"):
        assert getattr(found, key) == getattr(wanted, key)
    assert type(found.input) is type(wanted.input)
    if isinstance(wanted.input, GridQuantizer):
        assert (found.input.bits, found.input.step, found.input.low) == (wanted.input.bits, wanted.input.step, wanted.input.low)
        assert found.input.levels.dtype == np.int16 and np.array_equal(found.input.levels, wanted.input.levels)
    elif wanted.input is not None:
        assert found.input.bits == wanted.input.bits and np.array_equal(found.input.values, wanted.input.values)


def test_a_convolution_applied_twice_has_two_layers_and_one_weight(spec):
    one, other = (spec.graph.node(name) for name in ("shared", "shared@2"))
    assert one.parameters["weight"] == other.parameters["weight"] == "shared.weight"
    assert not np.array_equal(spec.layers["shared"].weight, spec.layers["shared@2"].weight)
    assert list(spec.layers) == ["head", "shared", "shared@2", "gate", "both", "last"]


def test_a_quantized_graph_survives(spec, tmp_path):
    save_spec(spec, tmp_path / "a.srq")
    loaded = load_spec(tmp_path / "a.srq")
    assert describe(loaded.graph) == describe(spec.graph) and loaded.graph.scale == spec.graph.scale
    assert list(loaded.layers) == list(spec.layers)
    for name, layer in spec.layers.items():
        assert_same_layer(loaded.layers[name], layer)
    assert loaded.streams == spec.streams and loaded.metadata == json.loads(json.dumps(spec.metadata))
    assert loaded.tables.keys() == spec.tables.keys() == {"silu", "sigmoid"}
    assert all(np.array_equal(loaded.tables[name], table) for name, table in spec.tables.items())
    weights = {node.parameters["weight"] for node in spec.graph.convolutions()}
    for key, value in spec.graph.parameters.items():
        if key not in weights:
            assert loaded.graph.parameters[key].dtype == value.dtype and np.array_equal(loaded.graph.parameters[key], value)
    picture = np.random.default_rng(0).integers(0, 256, (13, 17, 3), np.uint8)
    assert np.array_equal(IntegerReference(loaded)(picture), IntegerReference(spec)(picture))
    assert np.array_equal(Simulation(loaded)(picture), Simulation(spec)(picture))


def test_the_same_network_gives_the_same_bytes(spec, tmp_path):
    save_spec(spec, tmp_path / "a.srq")
    save_spec(load_spec(tmp_path / "a.srq"), tmp_path / "b.srq")
    assert (tmp_path / "a.srq").read_bytes() == (tmp_path / "b.srq").read_bytes()


def test_weights_are_in_it_at_their_width_alone(spec, tmp_path):
    save_spec(spec, tmp_path / "a.srq")
    with safe_open(tmp_path / "a.srq", "numpy") as file:
        names = set(file.keys())
        assert not {"graph/shared.weight", "graph/head.weight"} & names and "graph/slopes.slope" in names
        assert file.get_tensor("layers/shared/weight").size == (4 * 4 * 9 * 4 + 7) // 8


@pytest.mark.parametrize("settings", [Settings(8, 8), Settings(grid="free"), Settings(3, 5, equalize=False)])
def test_other_quantizers_survive(settings, pictures, tmp_path):
    spec = quantize_network(small_network("srresnet"), pictures, settings)
    save_spec(spec, tmp_path / "a.srq")
    for name, layer in load_spec(tmp_path / "a.srq").layers.items():
        assert_same_layer(layer, spec.layers[name])


@settings(deadline=None)
@given(st.integers(2, 8), st.integers(0, 2**31), st.integers(1, 60))
def test_codes_survive_at_any_width(bits, seed, count):
    codes = np.random.default_rng(seed).integers(-(2 ** (bits - 1)), 2 ** (bits - 1), count).astype(np.int8)
    packed = pack_codes(codes, bits)
    assert packed.nbytes == -(-count * bits // 8) and np.array_equal(unpack_codes(packed, bits, (count,)), codes)


WRONG_ARRAYS = {
    "weight of another shape": dict(weight=np.zeros((4, 4, 1, 1), np.int8)),
    "weight scale of another length": dict(weight_scale=np.ones(3, np.float32)),
    "weight scale that is no number": dict(weight_scale=np.full(4, np.nan, np.float32)),
    "weight scale of another type": dict(weight_scale=np.ones(4, np.float64)),
    "equalization of another length": dict(equalization=np.ones(5, np.float32)),
    "equalization of zero": dict(equalization=np.array([1, 0, 1, 1], np.float32)),
    "equalization below zero": dict(equalization=np.array([1, -1, 1, 1], np.float32)),
    "equalization without end": dict(equalization=np.array([1, np.inf, 1, 1], np.float32)),
    "correction of another length": dict(correction=np.zeros(1, np.float32)),
    "correction that is no number": dict(correction=np.full(4, np.nan, np.float32)),
    "zero point of another length": dict(zero_point=np.zeros(3, np.int16)),
    "zero point of another type": dict(zero_point=np.zeros(4, np.int32)),
    "weights of 1 bit": dict(weight_bits=1),
    "weights of 9 bits": dict(weight_bits=9),
}
GRID = GridQuantizer(4, 0.5, -8, np.arange(-8, 8, dtype=np.int16))
WRONG_GRIDS = {
    "levels that fall": dict(levels=np.arange(8, -8, -1).astype(np.int16)),
    "levels of another type": dict(levels=np.arange(-8, 8)),
    "levels in two dimensions": dict(levels=np.zeros((4, 4), np.int16)),
    "one level": dict(levels=np.zeros(1, np.int16)),
    "no level": dict(levels=np.zeros(0, np.int16)),
    "too many levels": dict(levels=np.arange(5000, dtype=np.int16)),
    "a step of zero": dict(step=0.0),
    "a step below zero": dict(step=-0.5),
    "a step without end": dict(step=float("inf")),
    "a step that is no number": dict(step=float("nan")),
    "a low that is far away": dict(low=-100000),
}


@pytest.fixture
def fitting() -> LayerSpec:
    """A layer of 4 to 4 channels that fits."""
    ones = np.ones(4, np.float32)
    layer = LayerSpec(np.zeros((4, 4, 3, 3), np.int8), ones, 4, GRID, ones, ones, zero_point=np.zeros(4, np.int16))
    check_layer("layer", layer, 4, (4, 4, 3, 3))
    return layer


@pytest.mark.parametrize("wrong", WRONG_ARRAYS)
def test_a_layer_s_array_that_does_not_fit_is_told(fitting, wrong):
    with pytest.raises(ValueError, match="layer layer has"):
        check_layer("layer", replace(fitting, **WRONG_ARRAYS[wrong]), 4, (4, 4, 3, 3))


@pytest.mark.parametrize("wrong", WRONG_GRIDS)
def test_a_grid_that_is_none_is_told(fitting, wrong):
    layer = replace(fitting, zero_point=None, input=replace(GRID, **WRONG_GRIDS[wrong]))
    with pytest.raises(ValueError, match="layer layer has no (levels in order|grid)"):
        check_layer("layer", layer, 4, (4, 4, 3, 3))


WRONG_SPECS = {
    "a layer missing": (lambda s: replace(s, layers=dict(list(s.layers.items())[1:])), "layers"),
    "layers in another order": (lambda s: replace(s, layers=dict(reversed(s.layers.items()))), "layers"),
    "a stream missing": (lambda s: replace(s, streams={k: v for k, v in s.streams.items() if k != PICTURE}), "streams"),
    "a stream too many": (lambda s: replace(s, streams={**s.streams, "other": 1.0}), "streams"),
    "a stream of zero": (lambda s: replace(s, streams={**s.streams, "head": 0.0}), "streams"),
    "a stream that is no number": (lambda s: replace(s, streams={**s.streams, "head": float("nan")}), "streams"),
    "a table missing": (lambda s: replace(s, tables={}), "tables"),
    "a table too many": (lambda s: replace(s, tables={**s.tables, "head": s.tables["silu"]}), "tables"),
    "a short table": (lambda s: replace(s, tables={**s.tables, "silu": s.tables["silu"][1:]}), "tables"),
    "a table of another type": (lambda s: replace(s, tables={**s.tables, "silu": s.tables["silu"].astype(np.int32)}), "tables"),
}


@pytest.mark.parametrize("wrong", WRONG_SPECS)
def test_a_quantization_of_another_graph_is_told_as_damage(spec, tmp_path, wrong):
    change, message = WRONG_SPECS[wrong]
    with pytest.raises(ValueError, match=f"its {message} are not its network's"):
        check_spec(change(spec))
    if "order" not in wrong and "layer missing" not in wrong:  # which cannot be written
        save_spec(change(spec), tmp_path / "a.srq")
        with pytest.raises(UserError, match="damaged or no .srq file .*; quantize the network again"):
            load_spec(tmp_path / "a.srq")


def rewritten(path, change):  # noqa: ANN001, ANN201
    """The file with another header and tensors, and their digest."""
    with safe_open(path, "numpy") as file:
        described = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
    header = json.loads(described["spec"])
    change(header, tensors)
    text = json.dumps(header)
    other = path.with_name("other.srq")
    save_tensors(tensors, other, {"format": FORMAT, "spec": text, "sha256": digest(text, tensors)})
    return other


DAMAGES = {
    "a layer's weights missing": lambda h, t: t.pop("layers/head/weight"),
    "a layer's weights too short": lambda h, t: t.update({"layers/head/weight": t["layers/head/weight"][:5]}),
    "a layer's shape": lambda h, t: h["layers"][1].update(shape=[4, 4, 5, 5]),
    "a layer's shape that is none": lambda h, t: h["layers"][1].update(shape="large"),
    "a layer's bits": lambda h, t: h["layers"][1].update(bits=40),
    "a layer's name": lambda h, t: h["layers"][1].update(name="other"),
    "a layer left out": lambda h, t: h["layers"].pop(),
    "layers in another order": lambda h, t: h["layers"].reverse(),
    "levels missing": lambda h, t: t.pop("layers/shared/levels"),
    "levels of another type": lambda h, t: t.update({"layers/shared/levels": t["layers/shared/levels"].astype(np.float32)}),
    "a step that is text": lambda h, t: h["layers"][1]["input"].update(step="wide"),
    "an array of the graph missing": lambda h, t: t.pop("graph/slopes.slope"),
    "a graph without its end": lambda h, t: h["graph"]["nodes"].pop(),
    "an unknown operator": lambda h, t: h["graph"]["nodes"][1].update(operator="system"),
    "no graph": lambda h, t: h.pop("graph"),
    "no streams": lambda h, t: h.pop("streams"),
    "streams that are none": lambda h, t: h.update(streams=[1, 2]),
    "no metadata": lambda h, t: h.pop("metadata"),
    "metadata that are none": lambda h, t: h.update(metadata="fast"),
    "precisions that are none": lambda h, t: h["metadata"].update(precisions=4),
    "a shape without end": lambda h, t: h["layers"][1].update(shape=[float("inf"), 4, 3, 3]),
    "a shape whose product wraps around": lambda h, t: h["layers"][1].update(shape=[2**32, 2**32, 1, 1]),
    "two layers of one name": lambda h, t: h["layers"].append(h["layers"][0]),
    "a zero point without a grid": lambda h, t: t.update({"layers/head/zero_point": np.zeros(3, np.int16)}),
    "a zero point outside of its grid": lambda h, t: t.update({"layers/shared/zero_point": np.full(4, 30000, np.int16)}),
    "no codes for a layer that reads no picture": lambda h, t: h["layers"][1].pop("input"),
    "a picture's black that is its white": lambda h, t: h["graph"]["picture"].update(output_range=[1.0, 1.0]),
    "pictures of two channels": lambda h, t: h["graph"]["picture"].update(channels=2),
    "a stream of text": lambda h, t: h["streams"].update(head="wide"),
    "a description of text": lambda h, t: h.clear() or h.update(layers="x" * 9000, graph="", streams="", metadata={}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_whose_parts_do_not_fit_is_told(spec, tmp_path, damage):
    save_spec(spec, tmp_path / "a.srq")
    load_spec(rewritten(tmp_path / "a.srq", lambda header, tensors: None))
    with pytest.raises(UserError) as told:
        load_spec(rewritten(tmp_path / "a.srq", DAMAGES[damage]))
    assert str(tmp_path / "other.srq") in str(told.value) and "\n" not in str(told.value)


def test_a_description_nested_too_deep_is_told(spec, tmp_path):
    save_spec(spec, tmp_path / "a.srq")
    with safe_open(tmp_path / "a.srq", "numpy") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
    deep = "[" * 100_000 + "]" * 100_000
    save_tensors(tensors, tmp_path / "a.srq", {"format": FORMAT, "spec": deep, "sha256": digest(deep, tensors)})
    with pytest.raises(UserError, match="nested too deep"):
        load_spec(tmp_path / "a.srq")


def test_numbers_that_no_integer_step_has_are_told(pictures):
    sketch = Sketch()
    graph = sketch.build(sketch.node("roll", PICTURE, rows=1, columns=0))
    spec = quantize_network(GraphNetwork(graph), pictures, Settings(widening=False))
    streams = dict.fromkeys(spec.streams, 1e-20)
    with pytest.raises(UserError, match="has no integer form .*multiplier beyond .*; quantize it again"):
        IntegerReference(replace(spec, streams=streams))


def test_an_earlier_format_is_told(spec, tmp_path):
    save_tensors({}, tmp_path / "a.srq", {"format": "srq-3"})
    with pytest.raises(UserError, match=r"a\.srq is no srq-4 file \(format srq-3\); quantize the network again"):
        load_spec(tmp_path / "a.srq")


def test_a_changed_byte_is_told(spec, tmp_path):
    save_spec(spec, tmp_path / "a.srq")
    content = bytearray((tmp_path / "a.srq").read_bytes())
    content[-3] ^= 1
    (tmp_path / "a.srq").write_bytes(content)
    with pytest.raises(UserError, match="its content does not match its digest"):
        load_spec(tmp_path / "a.srq")


def test_a_network_is_made_of_the_file_alone(spec, tmp_path):
    """Weights are what the codes stand for; of the convolution that is applied twice, those of the first time."""
    save_spec(spec, tmp_path / "a.srq")
    graph = load_spec(tmp_path / "a.srq").graph
    assert np.array_equal(graph.parameters["shared.weight"], spec.layers["shared"].real_weight)
    assert GraphNetwork(graph)(torch.zeros(1, 3, 7, 9)).shape == (1, 3, 7, 9)
