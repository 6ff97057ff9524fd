"""Codes of values: one form for all that read them, so that maps are shared, and pixels that stay what they are."""

from itertools import groupby

import numpy as np
import pytest
import torch
from sketch import Sketch
from small_network import small_pictures

from tvm_srq.data.pictures import list_pictures, read_picture
from tvm_srq.graph.graph import PICTURE, Graph
from tvm_srq.graph.network import GraphNetwork, as_batch
from tvm_srq.lowering.codes import find_code_needs, form_of
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.quant.coded_values import coded_values, parts_of, reads_pixels
from tvm_srq.quant.fitting.calibrate import quantize_network
from tvm_srq.quant.fitting.value_fits import dense, is_moved_picture
from tvm_srq.quant.policy.policy import Policy
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.quant.simulate import Simulation, fake_quantize
from tvm_srq.spec import QuantSpec

WIDTHS = {
    "W4A4": Settings(4, 4, widening=False), "W6A6": Settings(6, 6), "W8A8": Settings(8, 8, splitting=False),
    "no zero points": Settings(8, 8, zero_points=False),
}  # fmt: skip
MEAN = {4: 4.0, 6: 1.0, 8: 0.4}  # grey levels by width: narrow codes that a tie sends to the other side are far apart


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return small_pictures(tmp_path_factory.mktemp("pictures"))


def dense_blocks() -> Graph:
    """Two dense blocks, one behind the other, in a residual one."""
    sketch = Sketch()
    head = sketch.activated("head", PICTURE, 6)
    sketch.width = 6
    return sketch.build(sketch.add(sketch.convolution("body", sketch.dense("y", sketch.dense("x", head))), head))


def unshuffled() -> Graph:
    """The picture's pixels side by side, and at the end apart again."""
    sketch = Sketch()
    rows = sketch.node("pad_to_multiple", PICTURE, multiple=2, mode="reflect")
    first = sketch.activated("first", sketch.node("pixel_unshuffle", rows, factor=2))
    wide = sketch.convolution("wide", first, 12)
    shuffled = sketch.node("crop", sketch.node("pixel_shuffle", wide, factor=2), start=0, extent=[])
    return sketch.build(shuffled)


def beside_the_picture() -> Graph:
    """A convolution reads the picture's pixels beside what another one made of them."""
    sketch = Sketch()
    return sketch.build(sketch.activated("second", sketch.concat(PICTURE, sketch.activated("first", PICTURE))))


def forms_of(spec: QuantSpec) -> dict[str, dict[str, object]]:
    """By value and reader, what decides the codes."""
    found: dict[str, dict[str, object]] = {}
    for name, layer in spec.layers.items():
        if layer.input is not None:
            first = 0
            for value in parts_of(spec.graph, spec.graph.node(name)):
                channels = spec.graph.channels[value]
                found.setdefault(value, {})[name] = form_of(name, layer, first, channels).key
                first += channels
    return found


@pytest.mark.parametrize("settings", WIDTHS.values(), ids=WIDTHS)
def test_a_value_has_one_form_for_all_readers_of_a_kind(settings, pictures):
    graph = dense_blocks()
    spec, policy = quantize_network(GraphNetwork(graph), pictures, settings), Policy(graph, settings)
    several = 0
    for readers in forms_of(spec).values():
        for _, names in groupby(sorted(readers, key=policy.kind), policy.kind):
            keys = [readers[name] for name in names]
            several += len(keys) > 1
            assert len(set(keys)) == 1
    assert several >= 4


@pytest.mark.parametrize("settings", WIDTHS.values(), ids=WIDTHS)
def test_prefixes_are_made_once_by_their_convolutions(settings, pictures):
    """No step codes a value again, and convolutions read the first parts of one map."""
    graph = dense_blocks()
    spec = quantize_network(GraphNetwork(graph), pictures, settings)
    program = IntegerReference(spec).program
    assert [call.step.name for call in program.calls] == ["convolution"] * 9
    inputs = {call.layer: [name for name in call.inputs if program.tensors[name].kind == "codes"] for call in program.calls}
    for block in "xy":
        fuse = inputs[f"{block}.fuse"]
        assert len(fuse) == 3 and inputs[f"{block}.0"] == fuse[:1] and inputs[f"{block}.1"] == fuse[:2]


@pytest.mark.parametrize("settings", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("make", [dense_blocks, unshuffled, beside_the_picture])
def test_integers_follow_the_simulation(make, settings, pictures):
    spec = quantize_network(GraphNetwork(make()), pictures, settings)
    picture = read_picture(list_pictures(pictures)[1])[:24, :18]
    difference = np.abs(IntegerReference(spec)(picture).astype(int) - Simulation(spec)(picture))
    assert difference.mean() < MEAN[settings.activation_bits]


def test_a_joined_grid_keeps_every_value_s_own_steps(pictures):
    """Of 8 bits: what a value would have alone, it has beside others."""
    graph = dense_blocks()
    together = quantize_network(GraphNetwork(graph), pictures, Settings(8, 8))
    alone = Sketch()
    head = alone.activated("head", PICTURE, 6)
    alone.width = 6
    alone = quantize_network(GraphNetwork(alone.build(alone.convolution("x.0", head))), pictures, Settings(8, 8))
    layer, other = together.layers["x.fuse"], alone.layers["x.0"]
    assert layer.input.levels.tolist() == other.input.levels.tolist()
    steps = layer.input.step * layer.equalization.astype(np.float64)
    assert layer.equalization.max() == 1 and len(steps) == 18
    # strengths are chosen for all readers, so only the full range of the widest channel is the same
    assert steps[:6].max() == pytest.approx(other.input.step * other.equalization.max(), rel=0.5)


def test_pixels_moved_about_are_coded_as_what_they_are(pictures):
    graph = unshuffled()
    assert not reads_pixels(graph, graph.node("first"))
    spec = quantize_network(GraphNetwork(graph), pictures, Settings())
    layer = spec.layers["first"]
    assert layer.input.step == graph.picture.pixel and (layer.equalization == 1).all()
    assert layer.input.levels.tolist() == list(range(-128, 128)) and (layer.zero_point == -128).all()
    every = torch.arange(256.0).reshape(1, 1, 16, 16).expand(1, 12, 16, 16) * graph.picture.pixel
    torch.testing.assert_close(fake_quantize(every, layer.input, layer.zero_point), every, rtol=0, atol=1e-7)


def test_pixels_beside_other_values_keep_their_codes(pictures):
    graph = beside_the_picture()
    spec = quantize_network(GraphNetwork(graph), pictures, Settings())
    layer = spec.layers["second"]
    steps = layer.input.step * layer.equalization.astype(np.float64)
    assert steps[:3] == pytest.approx([graph.picture.pixel] * 3, rel=1e-6) and (layer.zero_point[:3] == -128).all()
    picture = as_batch(read_picture(list_pictures(pictures)[0]), graph)
    factors = torch.tensor(layer.equalization[:3])[:, None, None]
    made = fake_quantize(picture / factors, layer.input, layer.zero_point[:3]) * factors
    torch.testing.assert_close(made, picture, rtol=0, atol=1e-6)


def test_narrow_codes_hold_no_pixels(pictures):
    spec = quantize_network(GraphNetwork(unshuffled()), pictures, Settings(edge_bits=6))
    assert spec.layers["first"].input.step > 2 * spec.graph.picture.pixel


def test_what_counts_as_moved():
    sketch = Sketch()
    padded = sketch.node("pad_to_multiple", PICTURE, multiple=4, mode="reflect")
    swapped = sketch.builder.select("swapped", padded, [2, 1, 0])
    moved = sketch.node("pixel_unshuffle", sketch.concat(swapped, padded), factor=2)
    changed = sketch.concat(padded, sketch.relu(padded))
    a, b = sketch.convolution("a", moved), sketch.convolution("b", changed)
    graph = sketch.build(sketch.node("crop", sketch.concat(sketch.node("nearest", a, factor=2), b), start=0, extent=[]))
    assert is_moved_picture(graph, moved) and is_moved_picture(graph, PICTURE)
    assert not is_moved_picture(graph, changed) and not is_moved_picture(graph, "a")


def test_two_kinds_are_fitted_apart(pictures):
    """The body reads a value in 4 bits, a convolution before the shuffle in 8: two forms, one of them coded from the stream."""
    sketch = Sketch()
    head = sketch.activated("head", PICTURE)
    body = sketch.convolution("body", head)
    wide = sketch.convolution("wide", sketch.concat(head, body), 16)
    graph = sketch.build(sketch.node("pixel_shuffle", wide, factor=2))
    spec = quantize_network(GraphNetwork(graph), pictures, Settings(widening=False))
    assert (spec.layers["body"].input.bits, spec.layers["wide"].input.bits) == (4, 8)
    needs = find_code_needs(graph, spec)
    assert len(needs.forms[head]) == 2 and len(needs.maps) == 3
    kinds = [call.step.name for call in IntegerReference(spec).program.calls]
    assert kinds.count("encode") == 1


def test_grouped_weights_are_spread_out():
    weight = np.arange(8, dtype=np.float32).reshape(4, 2, 1, 1) + 1
    whole = dense(weight, 2)[:, :, 0, 0]
    assert whole.tolist() == [[1, 2, 0, 0], [3, 4, 0, 0], [0, 0, 5, 6], [0, 0, 7, 8]]
    assert dense(weight, 1) is weight


def test_groups_are_fitted_for_every_reader(pictures):
    graph = dense_blocks()
    policy = Policy(graph, Settings())
    groups = coded_values(graph, policy.kind)
    assert [name for group in groups for name in group.readers if name.startswith("x")] == ["x.0", "x.1", "x.fuse"]
    assert len([group for group in groups if len(group.values) == 3]) == 2
