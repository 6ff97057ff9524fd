"""Graphs to files and back, and files that are none."""

import json

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tvm_srq.errors import UserError
from tvm_srq.graph.builder import GraphBuilder, check
from tvm_srq.graph.file import describe, graph_of
from tvm_srq.graph.graph import PICTURE, Graph, Node, PictureFormat
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.sources.module import graph_of_module


class Everything(nn.Module):
    """Attributes of all kinds: numbers, names, lists, lists of lists, none at all."""

    def __init__(self):
        super().__init__()
        self.head, self.act, self.tail = nn.Conv2d(1, 8, 3, padding=1, groups=1), nn.PReLU(8), nn.Conv2d(8, 4, 3, padding=1)

    def forward(self, x):
        x = self.act(self.head(x))
        x = torch.cat([x[:, 4:], functional.silu(x[:, :4]).clamp(max=2)], 1)
        x = x + functional.interpolate(functional.max_pool2d(x, 2), x.shape[2:], mode="bilinear")
        return functional.pixel_shuffle(self.tail(x * x.mean((2, 3), keepdim=True)), 2)


@pytest.fixture(scope="module")
def graph() -> Graph:
    torch.manual_seed(0)
    picture = PictureFormat(1, 255.0, (-1.0, 1.0), "white taken to be 255")
    return graph_of_module(Everything().eval(), picture, smallest=4, description="everything x2")


def test_a_graph_survives_being_stored(graph):
    again = graph_of(json.loads(json.dumps(describe(graph), allow_nan=False)), dict(graph.parameters))
    assert (again.nodes, again.picture, again.scale, again.smallest) == (graph.nodes, graph.picture, 2, 4)
    assert again.description == "everything x2"
    picture = torch.rand(1, 1, 9, 13)
    assert torch.equal(GraphNetwork(again)(picture), GraphNetwork(graph)(picture))


DAMAGES = {
    "operator": lambda d: node(d, "convolution").update(operator="system"),
    "input": lambda d: node(d, "convolution").update(inputs=["tail"]),
    "own input": lambda d: node(d, "prelu").update(inputs=["act"]),
    "name twice": lambda d: node(d, "prelu").update(name="head"),
    "name of another type": lambda d: node(d, "prelu").update(name=3),
    "attribute too many": lambda d: node(d, "select")["attributes"].update(axis=1),
    "attribute missing": lambda d: node(d, "pixel_shuffle")["attributes"].clear(),
    "attribute of another type": lambda d: node(d, "pixel_shuffle")["attributes"].update(factor="2"),
    "attribute too small": lambda d: node(d, "pixel_shuffle")["attributes"].update(factor=0),
    "attributes that are none": lambda d: node(d, "pixel_shuffle").update(attributes=[1]),
    "dictionary as attribute": lambda d: node(d, "select")["attributes"].update(channels={"0": 1}),
    "channels": lambda d: node(d, "select")["attributes"].update(channels=[99]),
    "function": lambda d: node(d, "function")["attributes"].update(function="__import__"),
    "mode": lambda d: node(d, "resize")["attributes"].update(mode="lanczos"),
    "extent": lambda d: node(d, "resize")["attributes"].update(extent=[[1, 0, 0]]),
    "parameter missing": lambda d: node(d, "convolution").update(parameters={}),
    "parameter of another": lambda d: node(d, "convolution")["parameters"].update(weight="act.slope"),
    "parameter unknown": lambda d: node(d, "convolution")["parameters"].update(weight="no.weight"),
    "groups": lambda d: node(d, "convolution")["attributes"].update(groups=3),
    "values of other sizes": lambda d: node(d, "add").update(inputs=["picture", "max_pool2d"]),
    "output": lambda d: d["nodes"].pop(),
    "nothing": lambda d: d["nodes"].clear(),
    "white": lambda d: d["picture"].update(white="bright"),
    "picture": lambda d: d.pop("picture"),
    "smallest": lambda d: d.update(smallest=0),
    "version": lambda d: d.update(version=99),
    "nodes": lambda d: d.update(nodes=3),
}  # fmt: skip


def node(description, operator):
    return next(each for each in description["nodes"] if each["operator"] == operator)


@pytest.mark.parametrize("name", DAMAGES)
def test_descriptions_that_are_none_are_refused(graph, name):
    description = json.loads(json.dumps(describe(graph)))
    DAMAGES[name](description)
    with pytest.raises(UserError) as caught:
        graph_of(description, graph.parameters)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("array", [
    np.full((4, 8, 3, 3), np.nan, np.float32), np.zeros((4, 8, 3, 3), object), np.zeros((4, 8, 3), np.float32),
])  # fmt: skip
def test_arrays_that_are_none_are_refused(graph, array):
    with pytest.raises(UserError):
        graph_of(describe(graph), {**graph.parameters, "tail.weight": array})


@pytest.mark.parametrize(("operator", "attributes"), [
    ("nearest", {"factor": 2**18}), ("pad", {"mode": "zeros", "before": 2**19, "after": 0}),
    ("pixel_unshuffle", {"factor": 2**15}),
    ("resize", {"mode": "linear", "coordinates": "half_pixel", "extent": [[2**20, 0, 1]]}),
])  # fmt: skip
def test_maps_beyond_measure_are_refused(operator, attributes):
    builder = GraphBuilder()
    made = builder.add(operator, "made", [PICTURE], attributes)
    cropped = builder.add("crop", "cropped", [made], {"start": 0, "extent": []})
    with pytest.raises(UserError, match="node made makes .* MiB of a picture of 16 x 16 pixels, and 256 are the most"):
        builder.build(PictureFormat(), cropped)


@pytest.mark.parametrize(("operator", "attributes"), [
    ("nearest", {"factor": 2**54}), ("roll", {"rows": 2**63, "columns": 0}), ("clamp", {"low": "a", "high": None}),
    ("resize", {"mode": "linear", "coordinates": "half_pixel", "extent": [[2, 0]]}),
    ("crop", {"start": 0, "extent": [[2, 0, 0]]}), ("crop", {"start": 0, "extent": [[1.5, 0, 1]]}),
    ("global_deviation", {"correction": "none"}),
])  # fmt: skip
def test_attributes_that_cannot_be_are_refused(operator, attributes):
    picture = PictureFormat()
    node = Node("made", operator, (PICTURE,), attributes)
    with pytest.raises((UserError, ZeroDivisionError)):
        check(Graph((node,), {}, picture, 1))


@pytest.mark.parametrize(("operator", "attributes"), [
    ("pad", {"mode": "mirror", "before": 1, "after": 0}), ("pad_to_multiple", {"mode": "mirror", "multiple": 2}),
])  # fmt: skip
def test_unknown_ways_to_pad_are_refused(operator, attributes):
    builder = GraphBuilder()
    padded = builder.add(operator, "padded", [PICTURE], attributes)
    cropped = builder.add("crop", "cropped", [padded], {"start": 0, "extent": []})
    with pytest.raises(UserError, match="node padded pads in an unknown way"):
        builder.build(PictureFormat(), cropped)
