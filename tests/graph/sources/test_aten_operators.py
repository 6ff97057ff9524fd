"""Every ATen operator of 40 networks of spandrel's architectures is handled in integers, kept in float32, spelled in others that
are, or refused by name.

``aten_operators.json`` has the operators, in training's and in PyTorch's functional form, and which networks have them.
"""

import json
from pathlib import Path

import pytest
import torch

from tvm_srq.errors import UserError
from tvm_srq.graph.sources.calls import Call, Calls, Reference
from tvm_srq.graph.sources.handlers import HANDLED, HANDLERS, IN_FLOATS
from tvm_srq.graph.sources.translation import Translation

OPERATORS = json.loads(Path(__file__).with_name("aten_operators.json").read_text())
del OPERATORS["getitem"]  # Python's, not PyTorch's


def refusal(target: str) -> str:
    """What a network with one call of an operator on the picture is refused for."""
    call = Call("result", target, {"self": Reference("x")}, (1, 3, 64, 80), "body.0", "Block")
    with pytest.raises(UserError) as caught:
        Translation(Calls((call,), {}, "x", "result", ((64, 80),)), 3).run()
    return str(caught.value)


@pytest.mark.parametrize("target", [target for target in OPERATORS if target not in HANDLED])
def test_operators_without_handlers_are_refused_by_name(target):
    assert refusal(target).startswith(f"{target.removesuffix('.default')} in body.0 (Block) is no operation")


def test_what_is_kept_in_floats_where_integers_refuse():
    """Those that have no integer form at all, and those that have one for some arguments."""
    assert set(HANDLED) == {*HANDLERS, *IN_FLOATS}
    always = {target for target in OPERATORS if target in IN_FLOATS and target not in HANDLERS}
    assert {"softmax.int", "matmul.default", "bmm.default", "einsum.default", "linalg_vector_norm.default"} <= always
    assert {"div.Tensor", "mean.dim", "sqrt.default", "clamp_min.default"} <= {*HANDLERS} & {*IN_FLOATS}


def test_operators_of_the_networks_that_graphs_are_made_of():
    """Those that write to their arguments have a form that does not, which is what is translated."""
    wanted = {target for target, networks in OPERATORS.items() if {"Compact", "ESRGAN", "SPAN", "RCAN"} & set(networks)}
    functional = {target for target in wanted if not overload(target)._schema.is_mutable}
    assert functional <= set(HANDLERS)


def overload(target):
    name, version = target.split(".")
    return getattr(getattr(torch.ops.aten, name), version)
