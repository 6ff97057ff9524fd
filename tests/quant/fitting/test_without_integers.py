"""Networks with an operator that has no integer form are told so by name, before anything is computed."""

import pytest

from tvm_srq import api
from tvm_srq.errors import UserError
from tvm_srq.graph.builder import GraphBuilder
from tvm_srq.graph.graph import PICTURE, Graph, PictureFormat
from tvm_srq.operators import OPERATORS
from tvm_srq.quant.fitting.calibrate import require_integers
from tvm_srq.quant.policy.settings import Settings


@pytest.fixture
def graph(monkeypatch) -> Graph:
    """Of an operator that has one, taken from it."""
    monkeypatch.setattr(type(OPERATORS["max_pool"]), "in_integers", False)
    builder = GraphBuilder()
    pooled = builder.add("max_pool", "pooled", [PICTURE], {"kernel": 3, "stride": 1, "padding": 1})
    return builder.build(PictureFormat(), pooled)


def test_the_node_is_named(graph):
    with pytest.raises(UserError, match=r"node pooled of the network has no integer form: max_pool .* --allow-float keeps it"):
        require_integers(graph, Settings())
    require_integers(graph, Settings(allow_float=True))
    require_integers(graph, Settings(grid="free"))  # a simulation needs none


def test_inspect_tells(graph, monkeypatch, tmp_path):
    monkeypatch.setattr("tvm_srq.networks.load_graph", lambda path, scale, picture: graph)
    (tmp_path / "net.pth").touch()
    _, _, total, node = api.inspect(tmp_path / "net.pth").splitlines()
    assert total == "1 nodes in float32: pooled"
    assert node.split(maxsplit=2) == ["pooled", "max_pool", "float32: max_pool has no integer meaning"]
