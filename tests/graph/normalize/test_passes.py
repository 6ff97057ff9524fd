"""Each pass on a graph that has its pattern, and on graphs that only look like it; what a graph computes stays the same."""

import numpy as np
import pytest
import torch

from tvm_srq.graph.builder import GraphBuilder
from tvm_srq.graph.graph import PICTURE, Graph, PictureFormat
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.normalize import normalized
from tvm_srq.graph.normalize.affines import join_affines
from tvm_srq.graph.normalize.colours import scale_colours_alike
from tvm_srq.graph.normalize.identities import drop_identities
from tvm_srq.graph.normalize.nearest import join_nearest
from tvm_srq.graph.normalize.padding import drop_zeros_around
from tvm_srq.graph.normalize.selects import join_selects, select_by_weights, turn_results


def random(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def after(run, make) -> list[str]:
    """The operators after a pass over the graph that ``make(builder)`` builds, which computes what it did."""
    builder = GraphBuilder()
    before = builder.build(PictureFormat(), make(builder))
    graph = run(before)
    assert set(graph.parameters) == {key for node in graph.nodes for key in node.parameters.values()}
    picture = torch.rand(1, 3, 12, 15, dtype=torch.float64)
    made, wanted = (GraphNetwork(each).double()(picture).float() for each in (graph, before))  # sums in any order are the same
    torch.testing.assert_close(made, wanted)
    return operators(graph)


def operators(graph: Graph) -> list[str]:
    return [node.operator for node in graph.nodes]


IDENTITIES = {
    "affine": lambda b, x: b.affine("a", x, np.ones(3), 0.0), "select": lambda b, x: b.select("s", x, [0, 1, 2]),
    "nearest": lambda b, x: b.add("nearest", "n", [x], {"factor": 1}), "clamp": lambda b, x: b.clamp("c", x, None, None),
    "subsample": lambda b, x: b.add("subsample", "s", [x], {"start": 0, "stride": 1, "cut": 0}),
    "pad": lambda b, x: b.add("pad", "p", [x], {"mode": "zeros", "before": 0, "after": 0}),
    "crop": lambda b, x: b.add("crop", "c", [x], {"start": 0, "extent": []}), "concat": lambda b, x: b.add("concat", "c", [x]),
}  # fmt: skip


@pytest.mark.parametrize("name", IDENTITIES)
def test_identities_are_dropped(name):
    make = IDENTITIES[name]
    assert after(drop_identities, lambda b: b.prelu("r", make(b, PICTURE), 0.1)) == ["prelu"]
    assert after(drop_identities, lambda b: make(b, b.prelu("r", PICTURE, 0.1))) == ["prelu"]


def test_a_graph_that_does_nothing_keeps_a_node():
    assert after(drop_identities, lambda b: b.affine("a", PICTURE, 1.0, 0.0)) == ["affine"]


def test_what_is_nearly_an_identity_stays():
    assert after(drop_identities, lambda b: b.select("s", PICTURE, [2, 1, 0])) == ["select"]
    assert after(drop_identities, lambda b: b.affine("a", PICTURE, 1.0, [0, 0, 1e-3])) == ["affine"]


def test_affine_maps_in_a_row_are_joined():
    def make(b):
        return b.affine("c", b.affine("b", b.affine("a", PICTURE, 255.0, 0.0), random(3), random(3)), 0.5, -1.0)

    assert after(join_affines, make) == ["affine"]


def test_an_affine_map_that_something_else_reads_stays():
    def make(b):
        first = b.affine("a", PICTURE, 255.0, 0.0)
        return b.add("add", "sum", [first, b.affine("b", first, random(3), random(3))])

    assert after(join_affines, make) == ["affine", "affine", "add"]


def test_parameters_that_two_nodes_share_are_not_changed_by_joining():
    def make(b):
        first = b.affine("a", b.affine("x", PICTURE, 2.0, 1.0), random(3), random(3))
        return b.affine("b", b.prelu("r", first, 0.0), random(3), random(3), like="a")

    assert after(join_affines, make) == ["affine", "prelu", "affine"]


def test_batch_norm_stays_behind_its_convolution():
    def make(b):
        made = b.convolution("c", PICTURE, random(3, 3, 3, 3), None, padding=(1,) * 4)
        return b.prelu("act", b.affine("norm", made, 2.0, 1.0), 0.1)

    assert after(normalized, make) == ["convolution", "affine", "prelu"]


def test_nearest_after_nearest():
    def make(b):
        return b.add("nearest", "b", [b.add("nearest", "a", [PICTURE], {"factor": 2})], {"factor": 3})

    assert after(join_nearest, make) == ["nearest"]


def test_selections_of_selections():
    assert after(join_selects, lambda b: b.select("b", b.select("a", PICTURE, [2, 0, 1, 1]), [3, 0, 1])) == ["select"]


def test_colours_in_another_order_are_moved_weights():
    def make(b):
        return b.convolution("c", b.select("s", PICTURE, [2, 1, 0]), random(3, 3, 3, 3), random(3), padding=(1,) * 4)

    assert after(select_by_weights, make) == ["convolution"]


def test_colours_selected_before_a_grouped_convolution_stay():
    def make(b):
        return b.convolution("c", b.select("s", PICTURE, [2, 1, 0]), random(3, 1, 3, 3), None, padding=(1,) * 4, groups=3)

    assert after(select_by_weights, make) == ["select", "convolution"]


DEVIATIONS = [4.4, -2.0, 3.9]


def test_colours_of_different_scales_are_scaled_by_weights():
    """Of every convolution that reads them, weights that a further one shares left as they are."""

    def make(b):
        scaled = b.affine("a", PICTURE, DEVIATIONS, [-0.5, 0.25, 0.0])
        first = b.convolution("c", scaled, random(3, 3, 3, 3), random(3), padding=(1, 1, 1, 1))
        second = b.convolution("d", scaled, random(3, 3, 1, 1), None)
        again = b.add("convolution", "c", [first], {"groups": 1}, weight="c.weight", bias="c.bias")
        return b.add("add", "s", [second, again])

    assert after(scale_colours_alike, make) == ["affine", "convolution", "convolution", "convolution", "add"]
    builder = GraphBuilder()
    graph = scale_colours_alike(builder.build(PictureFormat(), make(builder)))
    assert graph.parameter(graph.node("a"), "multiplier").tolist() == [4.4]
    assert graph.node("c").parameters["weight"] != "c.weight" == graph.node("c@2").parameters["weight"]


@pytest.mark.parametrize("make", [
    lambda b: b.convolution("c", b.affine("a", PICTURE, 2.0, [-0.5, 0.25, 0.0]), random(3, 3, 1, 1), None),
    lambda b: b.convolution("c", b.affine("a", PICTURE, DEVIATIONS, 0.5), random(3, 1, 1, 1), None, groups=3),
    lambda b: b.convolution("c", b.affine("a", PICTURE, [1.0, 0.0, 2.0], 0.5), random(3, 3, 1, 1), None),
    lambda b: b.add("add", "s", [b.convolution("c", x := b.affine("a", PICTURE, DEVIATIONS, 0.5), random(3, 3, 1, 1), None), x]),
])  # fmt: skip
def test_colours_that_something_else_reads_stay_as_they_are(make):
    builder = GraphBuilder()
    graph = builder.build(PictureFormat(), make(builder))
    assert scale_colours_alike(graph) is graph



def test_colours_in_another_order_are_in_the_weights_also_behind_a_shift():
    def make(b):
        turned = b.select("turned", b.affine("a", PICTURE, 2.0, [-0.5, 0.25, 0.0]), [2, 1, 0])
        return b.convolution("c", turned, random(3, 3, 3, 3), random(3), padding=(1, 1, 1, 1))

    assert after(select_by_weights, make) == ["affine", "convolution"]


@pytest.mark.parametrize("factor", [1, 2])
def test_channels_of_a_convolution_are_turned_by_its_weights(factor):
    def make(b):
        wide = b.convolution("c", PICTURE, random(3 * factor**2, 3, 3, 3), random(3 * factor**2), padding=(1, 1, 1, 1))
        large = wide if factor == 1 else b.add("pixel_shuffle", "p", [wide], {"factor": factor})
        return b.affine("a", b.select("turned", large, [2, 0, 1]), 1.0, [1.0, 2.0, 3.0])

    assert after(turn_results, make) == ["convolution", *["pixel_shuffle"] * (factor - 1), "affine"]


@pytest.mark.parametrize("make", [
    lambda b: b.select("turned", b.convolution("c", PICTURE, random(3, 3, 1, 1), None), [2, 1, 1]),
    lambda b: b.select("turned", b.convolution("c", PICTURE, random(3, 1, 1, 1), None, groups=3), [2, 1, 0]),
    lambda b: b.add("add", "s", [x := b.convolution("c", PICTURE, random(3, 3, 1, 1), None), b.select("t", x, [2, 1, 0])]),
    lambda b: b.select("turned", b.prelu("p", b.convolution("c", PICTURE, random(3, 3, 1, 1), None), [0.1, 0.2, 0.3]), [2, 1, 0]),
])  # fmt: skip
def test_channels_that_weights_alone_do_not_turn(make):
    builder = GraphBuilder()
    graph = builder.build(PictureFormat(), make(builder))
    assert turn_results(graph) is graph


@pytest.mark.parametrize("more", [0, 1])
def test_zeros_around_a_convolution_without_padding(more):
    def make(b):
        padded = b.add("pad", "p", [PICTURE], {"mode": "zeros", "before": 1 + more, "after": 1 + more})
        kept = b.convolution("c", padded, random(3, 3, 3, 3), random(3))
        return kept if not more else b.add("subsample", "s", [kept], {"start": 1, "stride": 1, "cut": 1})

    expected = ["convolution"] if not more else ["pad", "convolution", "subsample", "subsample"]
    assert after(lambda graph: drop_identities(drop_zeros_around(graph)), make)[-len(expected) :] == expected


def test_a_mirrored_border_around_a_convolution_stays():
    def make(b):
        padded = b.add("pad", "p", [PICTURE], {"mode": "reflect", "before": 1, "after": 1})
        return b.convolution("c", padded, random(3, 3, 3, 3), random(3))

    assert after(drop_zeros_around, make) == ["pad", "convolution", "subsample"]
