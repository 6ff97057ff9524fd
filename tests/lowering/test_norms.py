"""What layer and group norms are lowered to, and which of them are refused."""

import math

import pytest

from tvm_srq.errors import UserError
from tvm_srq.graph.builder import GraphBuilder
from tvm_srq.graph.graph import PICTURE, Graph, PictureFormat
from tvm_srq.lowering.lowering import lower
from tvm_srq.spec import QuantSpec
from tvm_srq.steps import GroupNorm, LayerNorm


def graph_of(operator: str, channels: int = 3, **attributes) -> Graph:
    """A norm over ``channels`` that are the picture's again and again."""
    builder = GraphBuilder()
    wide = builder.select("wide", PICTURE, [i % 3 for i in range(channels)])
    norm = builder.add(operator, "norm", [wide], attributes)
    return builder.build(PictureFormat(), builder.select("three", norm, range(3)))


def step_of(graph: Graph):
    streams = {PICTURE: 1 / 4096, "wide": 1 / 4096, "norm": 1 / 8192, "three": 1 / 8192}
    return next(call.step for call in lower(QuantSpec(graph, {}, streams)).calls if call.layer == "norm")


def test_numbers_are_in_the_streams_steps():
    assert step_of(graph_of("layer_norm", 5, epsilon=0.25)) == LayerNorm(0.25 * 25 * 4096**2, 8192.0)
    assert step_of(graph_of("group_norm", 6, epsilon=0.25, groups=2)) == GroupNorm(2, 0.25 * 4096**2, 8192.0)
    assert step_of(graph_of("layer_norm", epsilon=0)) == LayerNorm(0.0, 8192.0)


@pytest.mark.parametrize("epsilon", [-1e-6, math.nan, math.inf, "small"])
@pytest.mark.parametrize("operator", ["layer_norm", "group_norm"])
def test_epsilons_that_are_none(operator, epsilon):
    more = {"groups": 1} if operator == "group_norm" else {}
    with pytest.raises(UserError, match=r"node norm adds .* to a variance"):
        graph_of(operator, epsilon=epsilon, **more)


def test_sums_that_int64_may_not_hold():
    assert step_of(graph_of("group_norm", 257, epsilon=0, groups=257)) == GroupNorm(257, 0.0, 8192.0)
    with pytest.raises(UserError, match="norm has groups of 257 channels: in integers they may have 256"):
        step_of(graph_of("group_norm", 257, epsilon=0, groups=1))
    with pytest.raises(UserError, match="norm normalizes over 65537 channels: in integers there may be 65536"):
        step_of(graph_of("layer_norm", 65537, epsilon=0))
