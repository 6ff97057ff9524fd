"""Nested values in a file, bit for bit; and what tells one network, one computation, from another."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_network import small_graph, small_network, with_batch_norm

from tvm_srq.graph.graph import Graph
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.quant.training.state_file import StateError, fingerprint, flatten, identity, load_state, restore, save_state

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.text(max_size=5), st.floats(allow_nan=False),
    st.lists(st.floats(width=32), min_size=1, max_size=4).map(lambda values: np.array(values, np.float32)),
    st.lists(st.floats(width=32), min_size=1, max_size=4).map(lambda values: torch.tensor(values)),
)  # fmt: skip
KEYS = st.text(max_size=3) | st.integers(0, 9)
NESTED = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))


def same(one: object, other: object) -> bool:
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.numpy().tobytes() == other.numpy().tobytes()
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()
    return type(one) is type(other) and one == other


@settings(deadline=None, max_examples=60)
@given(NESTED)
def test_nested_values_come_back(value):
    arrays: dict = {}
    assert same(value, restore(flatten(value, arrays), arrays))


def test_a_file_is_of_its_key_alone(tmp_path):
    value = {"weights": [torch.arange(3.0), np.arange(4)], 7: (1, 2)}
    save_state(tmp_path / "state", "key", value)
    loaded = load_state(tmp_path / "state", "key")
    assert torch.equal(loaded["weights"][0], torch.arange(3.0)) and loaded[7] == [1, 2]
    with pytest.raises(StateError, match="belongs to another computation"):
        load_state(tmp_path / "state", "other")
    with pytest.raises(FileNotFoundError):
        load_state(tmp_path / "none", "key")


@dataclass
class Numbers:
    first: int
    second: list


def test_dataclasses_are_their_fields():
    assert fingerprint(Numbers(1, [2])) == fingerprint({"first": 1, "second": [2]}) != fingerprint(Numbers(1, [3]))


def changed(graph: Graph, key: str) -> Graph:
    """One number of a parameter is the next larger one."""
    values = graph.parameters[key].copy()
    values.reshape(-1)[0] = np.nextafter(values.reshape(-1)[0], np.inf, dtype=values.dtype)
    return replace(graph, parameters={**graph.parameters, key: values})


OTHERS = {
    "a weight": lambda g: changed(g, "body.0.conv1.weight"),
    "a slope": lambda g: changed(g, "body.0.act.slope"),
    "a factor of batch norm": lambda g: changed(g, "body.1.act.norm.multiplier"),
    "the picture's range": lambda g: replace(g, picture=replace(g.picture, output_range=(0.0, 2.0))),
    "the smallest picture": lambda g: replace(g, smallest=2),
    "another node": lambda g: replace(g, nodes=(*g.nodes[:-1], replace(g.nodes[-1], inputs=("up.1",)))),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_network_is_told_from_one_that_differs_in(other):
    graph = with_batch_norm(small_graph("srresnet"), "body.1.act")
    assert fingerprint(identity(GraphNetwork(OTHERS[other](graph)))) != fingerprint(identity(GraphNetwork(graph)))


def test_a_network_is_what_it_computes_with_now():
    """Weights that were changed in the module count, not those of the graph it was made of."""
    one, other = small_network(), small_network()
    assert fingerprint(identity(one)) == fingerprint(identity(other))
    with torch.no_grad():
        other.convolution("tail.1").bias[0] += 1
    assert fingerprint(identity(one)) != fingerprint(identity(other))
