"""The edge of a network by its graph: of real checkpoints what their families say, and of small graphs what is meant."""

import pytest
from real_networks import SCALES, each_file
from sketch import Sketch
from small_network import small_graph, small_module

from tvm_srq.graph.graph import PICTURE
from tvm_srq.models import load_checkpoint
from tvm_srq.networks import graph_of_network
from tvm_srq.quant.policy.edges import edge_layers, ends, made_by

ATTENTION = [f"IMDB{block}.cca.conv_du.{layer}" for block in range(1, 7) for layer in (0, 2)]
BESIDES = {
    "IMDN_x4.pth": ATTENTION,  # on one pixel
    "IMDN_x2.pth": ATTENTION,
    "ntire22_rlfn_x4.pth": [f"B{block}.esa.conv3" for block in range(1, 5)],  # on a map smaller than the picture
    "RealESRGAN_x4plus_anime_6B.pth": ["conv_hr"],  # on an enlarged one
}


@each_file
def test_real_networks(file, data):
    network = load_checkpoint(data / "weights" / file, SCALES[file])
    assert edge_layers(graph_of_network(network)) == {*network.edge_layers, *BESIDES.get(file, ())}


@pytest.mark.parametrize("name", ["edsr", "srresnet"])
def test_small_networks(name):
    graph, wanted = small_graph(name), small_module(name).edge_layers
    assert edge_layers(graph) == set(wanted)
    assert ends(graph) == {wanted[0], wanted[-1]}


def test_whatever_reads_the_picture_moved_scaled_or_beside_others_is_an_end():
    sketch = Sketch()
    shifted = sketch.builder.affine("shift", PICTURE, 2.0, -1.0)
    small = sketch.node("pixel_shuffle", sketch.node("pixel_unshuffle", shifted, factor=1), factor=1)
    first = sketch.convolution("first", small)
    second = sketch.convolution("second", sketch.concat(first, sketch.builder.select("two", PICTURE, [0, 2])))
    third = sketch.convolution("third", sketch.relu(second))
    graph = sketch.build(third)
    assert ends(graph) == edge_layers(graph) == {"first", "second", "last"}


def test_a_sum_with_the_picture_is_a_value_like_any_other():
    sketch = Sketch()
    inner = sketch.add(sketch.convolution("first", PICTURE, 3), PICTURE)
    assert edge_layers(sketch.build(sketch.convolution("inner", inner))) == {"first", "last"}


def test_what_is_shuffled_through_sums_and_activations_raises_the_resolution():
    sketch = Sketch()
    head = sketch.convolution("head", PICTURE)
    wide = [sketch.convolution(name, head, 16) for name in "ab"]
    up = sketch.node("pixel_shuffle", sketch.relu(sketch.add(*wide)), factor=2)
    graph = sketch.build(sketch.relu(up))
    assert edge_layers(graph) == {"head", "a", "b", "last"} and ends(graph) == {"head", "last"}


def test_every_way_to_the_output_has_its_last_convolution():
    sketch = Sketch()
    head = sketch.convolution("head", PICTURE)
    branch = sketch.convolution("branch", sketch.convolution("body", head), 3)
    graph = sketch.builder.build(small_graph().picture, sketch.add(sketch.convolution("other", head, 3), branch))
    assert made_by(graph, graph.output) == {"branch", "other"} and edge_layers(graph) == {"head", "branch", "other"}
    assert made_by(graph, PICTURE) == set() and made_by(graph, "body") == {"body"}


def test_repeated_pixels_and_pooled_maps_are_of_other_sizes():
    sketch = Sketch()
    head = sketch.convolution("head", PICTURE)
    pooled = sketch.node("global_average", head)
    weights = sketch.convolution("expand", sketch.relu(sketch.convolution("squeeze", pooled, 2, 1)), 4, 1)
    gated = sketch.convolution("body", sketch.node("multiply", head, weights))
    graph = sketch.build(sketch.convolution("smooth", sketch.nearest(gated)))
    assert edge_layers(graph) == {"head", "squeeze", "expand", "smooth", "last"} and ends(graph) == {"head", "last"}


def test_the_body_of_a_network_that_unshuffles_the_picture_is_no_edge():
    sketch = Sketch()
    sketch.width = 6
    even = sketch.node("pad_to_multiple", PICTURE, multiple=2, mode="reflect")
    head = sketch.activated("head", sketch.node("pixel_unshuffle", even, factor=2))
    body = sketch.activated("body", head)
    wide = sketch.convolution("wide", body, 12)
    graph = sketch.build(sketch.node("crop", sketch.node("pixel_shuffle", wide, factor=2), start=0, extent=[]))
    assert edge_layers(graph) == {"head", "wide", "last"}
