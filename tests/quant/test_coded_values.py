"""Which values are coded alike: those that convolutions of one kind read side by side, however they are nested."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sketch import Sketch

from tvm_srq.graph.graph import PICTURE, Graph
from tvm_srq.quant.coded_values import coded_values, parts_of, reads_pixels, unrepeated


def alike(name: str) -> int:
    """All convolutions are of one kind."""
    return 0


def test_a_chain_has_a_group_for_every_value():
    sketch = Sketch()
    first = sketch.activated("a", PICTURE)
    graph = sketch.build(sketch.convolution("b", first))
    groups = coded_values(graph, alike)
    assert [(group.values, group.readers) for group in groups] == [((first,), ("b",)), (("b",), ("last",))]
    assert groups[0].parts == {"b": (first,)} and groups[0].index("b").tolist() == [0, 1, 2, 3]


def test_a_value_that_several_convolutions_read_is_one_group_of_one_kind():
    sketch = Sketch()
    first = sketch.activated("a", PICTURE)
    graph = sketch.build(sketch.add(sketch.convolution("b", first), sketch.convolution("c", first)))
    assert [group.readers for group in coded_values(graph, alike)] == [("b", "c"), ("last",)]
    by_name = coded_values(graph, lambda name: name)
    assert [(group.values, group.readers) for group in by_name] == [((first,), ("b",)), ((first,), ("c",)), (("add",), ("last",))]



def dense_graph_of_prefixes() -> tuple[Graph, list[str]]:
    sketch = Sketch(width=2)
    head = sketch.activated("head", PICTURE, 3)
    one = sketch.activated("one", head)
    two = sketch.activated("two", sketch.concat(head, one))
    graph = sketch.build(sketch.concat(sketch.concat(head, one), two))
    return graph, [head, one, two]


def test_prefixes_of_a_concatenation_are_one_group():
    graph, values = dense_graph_of_prefixes()
    (group,) = coded_values(graph, alike)
    assert group.values == tuple(values) and group.readers == ("one", "two", "last") and group.channels == 7
    assert group.first == dict(zip(values, (0, 3, 5), strict=True))
    assert [group.index(name).tolist() for name in group.readers] == [[0, 1, 2], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5, 6]]
    assert [group.channels_of(value) for value in values] == [slice(0, 3), slice(3, 5), slice(5, 7)]


def test_two_kinds_divide_a_group_and_keep_what_each_reads():
    graph, (head, one, two) = dense_graph_of_prefixes()
    edge, body = coded_values(graph, lambda name: name == "last"), coded_values(graph, lambda name: name == "one")
    assert [(group.values, group.readers) for group in edge] == [((head, one), ("one", "two")), ((head, one, two), ("last",))]
    assert [(group.values, group.readers) for group in body] == [((head,), ("one",)), ((head, one, two), ("two", "last"))]


def test_values_that_meet_late_join_earlier_groups():
    sketch = Sketch(width=2)
    head = sketch.activated("head", PICTURE)
    left, right = sketch.activated("left", head), sketch.activated("right", head)
    deeper = sketch.convolution("a", left), sketch.convolution("b", right)
    graph = sketch.build(sketch.concat(right, left, *deeper))
    first, second = coded_values(graph, alike)
    assert first.readers == ("left", "right")
    assert second.readers == ("a", "b", "last") and second.values == (left, right, "a", "b")
    assert second.index("last").tolist() == [2, 3, 0, 1, 4, 5, 6, 7] and second.index("b").tolist() == [2, 3]
    assert second.place("last", left) == slice(2, 4) and second.place("last", right) == slice(0, 2)
    assert second.place("b", right) == slice(0, 2) and second.place("last", "b") == slice(6, 8)


def test_repeated_pixels_are_coded_before_they_are_repeated():
    sketch = Sketch(width=2)
    head = sketch.activated("head", PICTURE)
    twice = sketch.nearest(head)
    graph = sketch.build(sketch.convolution("b", sketch.concat(sketch.nearest(sketch.convolution("a", head)), twice)))
    assert unrepeated(graph, twice) == head and unrepeated(graph, PICTURE) == PICTURE
    first, second = coded_values(graph, alike)
    assert (first.values, first.readers) == ((head, "a"), ("a", "b")) and first.parts["b"] == ("a", head)
    assert first.index("b").tolist() == [2, 3, 0, 1]
    assert second.readers == ("last",)


def test_a_concatenation_of_concatenations_is_flat():
    sketch = Sketch(width=1)
    a, b, c = (sketch.convolution(name, PICTURE) for name in "abc")
    inner = sketch.concat(a, b)
    graph = sketch.build(sketch.concat(inner, sketch.concat(c, inner)))
    assert parts_of(graph, graph.node("last")) == (a, b, c, a, b)
    (group,) = coded_values(graph, alike)
    assert group.values == (a, b, c) and group.index("last").tolist() == [0, 1, 2, 0, 1]


def test_pixels_scaled_and_shifted_are_exact_and_others_are_not():
    sketch = Sketch()
    shifted = sketch.builder.affine("shift", PICTURE, 2.0, [0.5, 0.0, -0.5])
    uneven = sketch.builder.affine("uneven", PICTURE, [1.0, 2.0, 3.0], 0.0)
    a, b = sketch.convolution("a", PICTURE), sketch.convolution("b", shifted)
    c = sketch.convolution("c", sketch.concat(PICTURE, a, b))
    d = sketch.convolution("d", sketch.relu(PICTURE))
    e = sketch.convolution("e", sketch.builder.select("swapped", PICTURE, [2, 1, 0]))
    f = sketch.convolution("f", uneven)
    graph = sketch.build(sketch.add(sketch.add(c, d), sketch.add(e, f)))
    assert {node.name for node in graph.convolutions() if reads_pixels(graph, node)} == {"a", "b"}
    groups = coded_values(graph, alike)
    assert {name for group in groups for name in group.readers} == {"c", "d", "e", "f", "last"}
    assert groups[0].values == (PICTURE, a, b)


@st.composite
def graphs(draw) -> Graph:  # noqa: ANN001
    """Convolutions, concatenations and repeated pixels, in any order, of values that are as large."""
    sketch = Sketch(seed=draw(st.integers(0, 3)))
    large: dict[bool, list[str]] = {False: [sketch.convolution("head", PICTURE)], True: []}
    for index in range(draw(st.integers(1, 9))):
        doubled = draw(st.booleans()) if large[True] else False
        values = st.sampled_from(large[doubled])
        kind = draw(st.sampled_from(["convolution", "concat", "nearest", "relu"]))
        if kind == "convolution":
            large[doubled].append(sketch.convolution(f"c{index}", draw(values), draw(st.integers(1, 3)), 1))
        elif kind == "concat":
            large[doubled].append(sketch.concat(*draw(st.lists(values, min_size=2, max_size=3))))
        elif kind == "relu":
            large[doubled].append(sketch.relu(draw(values)))
        elif not doubled:
            large[True].append(sketch.nearest(draw(values)))
    ends = [sketch.nearest(value) for value in large[False]] + large[True] if large[True] else large[False]
    return sketch.build(sketch.concat(*ends, *ends[:1]))


@settings(deadline=None, max_examples=80)
@given(graphs(), st.integers(1, 3))
def test_every_reader_s_index_covers_its_channels(graph, kinds):
    groups = coded_values(graph, lambda name: len(name) % kinds)
    readers = [name for group in groups for name in group.readers]
    assert sorted(readers) == sorted(node.name for node in graph.convolutions() if not reads_pixels(graph, node))
    for group in groups:
        slices = [group.channels_of(value) for value in group.values]
        assert np.array_equal(np.concatenate([np.arange(group.channels)[part] for part in slices]), np.arange(group.channels))
        assert [part.stop - part.start for part in slices] == [graph.channels[value] for value in group.values]
        read = set()
        for name in group.readers:
            index = group.index(name)
            assert len(index) == graph.channels[graph.node(name).inputs[0]]
            for value in group.parts[name]:
                own = group.channels_of(value)
                assert np.array_equal(index[group.place(name, value)], np.arange(own.start, own.stop))
            read |= set(index.tolist())
        assert read == set(range(group.channels))


@settings(deadline=None, max_examples=80)
@given(graphs(), st.integers(1, 3))
def test_no_value_has_two_codes_of_one_kind_and_groups_hang_together(graph, kinds):
    def kind(name: str) -> int:
        return len(name) % kinds

    groups = coded_values(graph, kind)
    coded = [(kind(group.readers[0]), value) for group in groups for value in group.values]
    assert len(coded) == len(set(coded))
    order = [node.name for node in graph.convolutions()]
    for group in groups:
        assert len({kind(name) for name in group.readers}) == 1
        assert list(group.readers) == sorted(group.readers, key=order.index)
        together = set(group.parts[group.readers[0]])
        for _ in group.readers:
            together |= {v for name in group.readers if together & set(group.parts[name]) for v in group.parts[name]}
        assert together == set(group.values)
    firsts = [order.index(group.readers[0]) for group in groups]
    assert firsts == sorted(firsts)
