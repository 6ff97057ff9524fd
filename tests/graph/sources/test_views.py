"""Reshapes and permutations of a map's axes: whatever is made of them computes what PyTorch does."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tvm_srq.graph.graph import Graph, PictureFormat
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.sources.calls import Call, Calls, Reference
from tvm_srq.graph.sources.handlers import HANDLERS
from tvm_srq.graph.sources.sizes import Size
from tvm_srq.graph.sources.translation import Translation
from tvm_srq.graph.sources.views import View, joined, map_view, permuted, reshaped

SAMPLES = ((4, 8), (6, 4), (10, 6))
ROWS, COLUMNS = (Size(tuple(sample[side] for sample in SAMPLES)) for side in (0, 1))


def halved(length):
    return Size(tuple(value // 2 for value in length.values))


@given(st.permutations(range(3)))
@settings(max_examples=6, deadline=None)
def test_parts_of_the_channels_in_any_order(order):
    shapes = [(1, 2, 3, 4, ROWS, COLUMNS), None, (1, 24, ROWS, COLUMNS)]
    steps = [0, *(1 + place for place in order), 4, 5]
    check(24, shapes, steps, lambda x: x.view(1, 2, 3, 4, *x.shape[2:]).permute(steps).reshape(x.shape))


@given(st.permutations([1, 2, 3]))
@settings(max_examples=6, deadline=None)
def test_pixels_out_of_channels_in_any_order(order):
    """The parts c, i and j of the channels: c stays, i goes to the rows and j to the columns, wherever they were."""
    c, i, j = order
    lengths = {c: 3, i: 2, j: 2}
    shapes = [(1, *(lengths[place] for place in (1, 2, 3)), ROWS, COLUMNS), None,
              (1, 3, Size(tuple(2 * v for v in ROWS.values)), Size(tuple(2 * v for v in COLUMNS.values)))]  # fmt: skip
    steps = [0, c, 4, i, 5, j]

    def expected(x):
        split = x.view(1, *(lengths[place] for place in (1, 2, 3)), *x.shape[2:])
        return split.permute(steps).reshape(1, 3, 2 * x.shape[2], 2 * x.shape[3])

    check(12, shapes, steps, expected)


@given(st.permutations([1, 3, 5]))
@settings(max_examples=6, deadline=None)
def test_channels_out_of_pixels_in_any_order(inner):
    shapes = [(1, 3, halved(ROWS), 2, halved(COLUMNS), 2), None, (1, 12, halved(ROWS), halved(COLUMNS))]
    steps = [0, *inner, 2, 4]

    def expected(x):
        split = x.view(1, 3, x.shape[2] // 2, 2, x.shape[3] // 2, 2)
        return split.permute(steps).reshape(1, 12, x.shape[2] // 2, x.shape[3] // 2)

    check(3, shapes, steps, expected)


def check(channels, shapes, steps, expected):
    """A reshape, a permutation and a reshape as calls, run as a graph and by PyTorch."""
    split = Call("split", "view.default", {"self": Reference("x"), "size": []}, shapes[0])
    turned_shape = tuple(shapes[0][place] for place in steps)
    turned = Call("turned", "permute.default", {"self": Reference("split"), "dims": steps}, turned_shape)
    whole = Call("whole", "reshape.default", {"self": Reference("turned"), "shape": []}, shapes[2])
    assert {split.target, turned.target, whole.target} <= set(HANDLERS)
    translation = Translation(Calls((split, turned, whole), {}, "x", "whole", SAMPLES), channels)
    output = translation.run()
    picture = torch.arange(channels * 4 * 8.0).reshape(1, channels, 4, 8)
    if output == "picture":
        assert torch.equal(picture, expected(picture))
        return
    network = GraphNetwork(as_graph(translation, channels))
    assert torch.equal(network(picture), expected(picture))


def as_graph(translation, channels):
    """The nodes as they are: the output need be no picture here."""
    return Graph(tuple(translation.builder.nodes), translation.builder.parameters, PictureFormat(channels), 1)


def test_a_split_that_does_not_go_into_the_channels_is_none():
    assert reshaped(map_view("x", 6, ROWS, COLUMNS), (1, 4, 6, ROWS, COLUMNS)) is None
    assert reshaped(map_view("x", 6, ROWS, COLUMNS), (1, 6, ROWS)) is None


def test_reshaping_back_and_forth_is_the_same_view():
    view = map_view("x", 6, ROWS, COLUMNS)
    split = reshaped(view, (1, 2, 3, halved(ROWS), 2, COLUMNS))
    assert isinstance(split, View) and reshaped(split, view.shape) == view
    assert permuted(permuted(split, [5, 4, 3, 2, 1, 0]), [5, 4, 3, 2, 1, 0]) == split
    assert joined(part for dimension in split.dimensions[1:3] for part in dimension) == view.dimensions[1]
