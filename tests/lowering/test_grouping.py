"""Steps that are fused, and that fusing changes no byte."""

import numpy as np
import pytest
from fitted import fitted
from small_networks import NETWORKS, distilled, gated, shifted_gate

from tvm_srq.extent import Extent
from tvm_srq.graph.network import as_batch
from tvm_srq.lowering import lowering
from tvm_srq.lowering.grouping import group_elementwise
from tvm_srq.lowering.integer_graph import IntegerCall, IntegerTensor
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.steps import Add, Encode, Fused, Lookup, Resize, Scale, Select, Step

TABLE = Lookup(np.arange(-2048, 2048))
CODES = Encode(np.ones(16), -8, range(-8, 8))


def reference(name: str) -> tuple[IntegerReference, np.ndarray]:
    graph = NETWORKS[name]()
    picture = np.random.default_rng(1).integers(0, 256, (24, 21, graph.picture.channels), dtype=np.uint8)
    return IntegerReference(fitted(graph, [as_batch(picture, graph)])), picture


@pytest.mark.parametrize("name", NETWORKS)
def test_the_bytes_are_those_of_the_steps_one_by_one(name, monkeypatch):
    fused, picture = reference(name)
    monkeypatch.setattr(lowering, "group_elementwise", lambda calls, tensors: calls)
    single, _ = reference(name)
    assert not any(isinstance(call.step, Fused) for call in single.program.calls)
    assert np.array_equal(fused(picture), single(picture))


@pytest.mark.parametrize("graph", [gated, shifted_gate, distilled])
def test_gates_and_parts_of_streams_are_fused(graph):
    program = reference(graph.__name__)[0].program
    members = [[member.step.name for member in call.step.members] for call in program.calls if isinstance(call.step, Fused)]
    expected = {
        "gated": [["lookup", "encode"], ["lookup", "multiply", "encode"]],
        "shifted_gate": [["lookup", "scale", "multiply", "encode"]],
    }
    assert members == expected.get(graph.__name__, members) and members
    assert not any(isinstance(call.step, Select) for call in program.calls)


def grouped(calls: list[tuple[Step, tuple[str, ...], str]], channels: int = 16) -> list[IntegerCall]:
    names = {name for _, inputs, output in calls for name in (*inputs, output)}
    tensors = {name: IntegerTensor("stream", channels, Extent()) for name in names}
    return group_elementwise([IntegerCall(output, step, inputs, (output,)) for step, inputs, output in calls], tensors)


def test_what_stands_between_two_steps_keeps_them_apart():
    """The second sum needs a resize of the first: they cannot be one, the sum and its table can."""
    made = grouped([(Add(), ("a", "b"), "sum"), (TABLE, ("sum",), "function"), (Resize("linear"), ("function",), "large"),
                    (Add(), ("function", "large"), "both"), (CODES, ("both",), "out")])  # fmt: skip
    assert [call.step.name for call in made] == ["fused", "resize", "fused"]
    assert made[0].outputs == ("function",) and made[2].inputs == ("function", "large")


def test_values_that_others_read_are_written_beside_codes():
    made = grouped([(Add(), ("a", "b"), "sum"), (CODES, ("sum",), "codes"), (Resize("linear"), ("sum",), "out")])
    assert made[0].outputs == ("sum", "codes") and made[0].step.outputs == (0, 1)


def test_a_late_reader_is_brought_forward():
    made = grouped([(Add(), ("a", "b"), "sum"), (Resize("linear"), ("sum",), "large"), (CODES, ("sum",), "out")])
    assert [call.outputs for call in made] == [("sum", "out"), ("large",)]


def test_parts_of_a_stream_are_read_where_they_begin():
    made = grouped([(Select(tuple(range(16, 32))), ("wide",), "part"), (Scale([1] * 16, [1] * 16, [0] * 16), ("part",), "out")])
    assert [call.step.name for call in made] == ["fused"]
    assert made[0].inputs == ("wide",) and made[0].step.firsts == (16,)
    for channels in (range(8, 24), (16, 18)):
        kept = grouped([(Select(tuple(channels)), ("wide",), "part"), (TABLE, ("part",), "out")])
        assert [call.step.name for call in kept] == ["select", "lookup"]
