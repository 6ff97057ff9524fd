"""Graphs in Relax and back: nothing is lost, and nothing that is no node passes."""

import numpy as np
import pytest
from small_networks import NETWORKS
from tvm import relax

from relay_passes.import_graph import NetworkReader, import_graph
from relay_passes.operators import bindings
from tvm_srq.errors import UserError
from tvm_srq.graph.file import describe


@pytest.mark.parametrize("name", NETWORKS)
def test_a_graph_comes_back_as_it_was(name):
    graph = NETWORKS[name]()
    again = NetworkReader(import_graph(graph)).graph()
    assert describe(again) == describe(graph) and again.scale == graph.scale
    assert again.parameters.keys() == graph.parameters.keys()
    assert all(np.array_equal(value, again.parameters[key]) for key, value in graph.parameters.items())


@pytest.mark.parametrize("name", NETWORKS)
def test_types_say_the_extents_of_values(name):
    graph = NETWORKS[name]()
    module = import_graph(graph)
    calls = [value for _, value in bindings(module["main"]) if not isinstance(value, relax.Var)]
    for node, value in zip(graph.nodes, calls, strict=True):
        assert value.op.name == f"graph.{node.operator}" and str(value.attrs["node"]) == node.name
        _, channels, rows, columns = value.ty.shape
        assert int(channels) == graph.channels[node.name]
        if graph.extents[node.name].scale == 2:
            assert str(rows) == "height * T.int64(2)" and str(columns) == "width * T.int64(2)"


def test_an_operation_that_is_no_node_is_refused_by_name():
    module = import_graph(NETWORKS["grey"]())
    builder = relax.BlockBuilder()
    picture = module["main"].params[0]
    with builder.function("main", [picture]):
        with builder.dataflow():
            values = {picture: picture}
            for variable, value in bindings(module["main"]):
                if isinstance(value, relax.Var):
                    output = values[value]
                    continue
                operands = [values.get(operand, operand) for operand in value.args]
                values[variable] = builder.emit(type(value)(value.op, operands, value.attrs, ret_ty=value.ty))
            output = builder.emit_output(relax.op.clip(output, 0.0, 1.0))
        builder.emit_func_output(output)
    with pytest.raises(UserError, match="operation relax.clip has no integer form"):
        NetworkReader(builder.get().with_attrs(dict(module.attrs))).graph()
