"""Split results: which part is moved to the front, and that the network stays the same."""

import numpy as np
from fitted import fitted
from small_networks import distilled, split

from tvm_srq.graph.network import as_batch
from tvm_srq.lowering import lowering
from tvm_srq.lowering.coded_first import coded_part_first
from tvm_srq.lowering.reference import IntegerReference

PICTURE = np.random.default_rng(1).integers(0, 256, (24, 21, 3), dtype=np.uint8)


def test_the_part_that_convolutions_read_comes_first():
    graph = distilled()
    spec = fitted(graph, [as_batch(PICTURE, graph)])
    moved = coded_part_first(spec)
    assert moved.graph.node("first.rest").attributes["channels"] == list(range(16))
    assert moved.graph.node("first.kept").attributes["channels"] == list(range(16, 24))
    order = [*range(8, 24), *range(8)]
    assert np.array_equal(moved.layers["first"].weight, spec.layers["first"].weight[order])
    for role, name in (("slope", "first.slopes"), ("bias", "first")):
        before, after = (each.graph.parameter(each.graph.node(name), role) for each in (spec, moved))
        assert np.array_equal(after, before[order])


def test_a_part_that_others_read_too_stays():
    graph = split()
    spec = fitted(graph, [as_batch(PICTURE, graph)])
    assert coded_part_first(spec) is spec


def test_codes_are_written_by_the_convolution_and_bytes_are_the_same(monkeypatch):
    graph = distilled()
    spec = fitted(graph, [as_batch(PICTURE, graph)])
    moved = IntegerReference(spec)
    made = {name: call.step for call in moved.program.calls for name in call.outputs if ".rest" in name}
    assert len(made) == 2 and {step.name for step in made.values()} == {"convolution"}
    writers = [call.step for call in moved.program.calls if call.layer in ("first", "second")]
    assert all(step.writes_stream and step.writes_codes and len(step.ratio) == 24 for step in writers)
    monkeypatch.setattr(lowering, "coded_part_first", lambda spec: spec)
    monkeypatch.setattr(lowering, "coded_prefix", lambda graph, value: None)
    assert np.array_equal(moved(PICTURE), IntegerReference(spec)(PICTURE))
