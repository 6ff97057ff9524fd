"""Realized modules are the lowering's steps, all their numbers included."""

import json

import pytest
from quantized import GRIDS, quantized
from small_networks import NETWORKS
from tvm import ir

from relay_passes.annotate_quantization import annotate_quantization
from relay_passes.import_graph import import_graph
from relay_passes.operators import attribute, bindings
from relay_passes.realize_integer import realize_integer, step_of
from tvm_srq.errors import UserError
from tvm_srq.graph.builder import GraphBuilder
from tvm_srq.graph.graph import PICTURE, PictureFormat
from tvm_srq.lowering.lowering import lower
from tvm_srq.operators import OPERATORS
from tvm_srq.spec import QuantSpec


def realized(spec: QuantSpec):  # noqa: ANN201 - IRModule
    return realize_integer(annotate_quantization(spec)(import_graph(spec.graph)))


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_calls_are_the_lowering_s(name, grid):
    spec = quantized(name, grid)
    module, program = realized(spec), lower(spec)
    calls = [value for _, value in bindings(module["main"]) if isinstance(value, ir.Call)]
    assert len(calls) == len(program.calls)
    for value, made in zip(calls, program.calls, strict=True):
        assert step_of(value) == made.step and str(value.attrs["layer"]) == made.layer
        assert attribute(value, "sources") == list(made.inputs) and attribute(value, "outputs") == list(made.outputs)
    assert {name: tuple(each["parts"]) for name, each in json.loads(str(module.attrs["srq.maps"])).items()} == {
        name: code_map.parts for name, code_map in program.maps.items()
    }


def test_a_node_without_an_integer_form_is_refused_by_name(monkeypatch):
    def refuse(node, lowering):
        raise UserError(f"node {node.name} has no integer form")

    monkeypatch.setattr(OPERATORS["layer_norm"], "lower", refuse)
    builder = GraphBuilder()
    norm = builder.add("layer_norm", "norm.1", [PICTURE], {"epsilon": 1e-5})
    graph = builder.build(PictureFormat(), norm)
    spec = QuantSpec(graph, {}, {PICTURE: 1e-4, "norm.1": 1e-4})
    with pytest.raises(UserError, match="norm.1 has no integer form"):
        realized(spec)
