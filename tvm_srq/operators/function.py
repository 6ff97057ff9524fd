"""Smooth functions of one value: in integers a table, computed once when a network is quantized and stored in its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tvm_srq import steps
from tvm_srq.errors import UserError
from tvm_srq.operators.base import Operator, Size
from tvm_srq.requantize import STREAM_MAX, STREAM_MIN
from tvm_srq.steps.lookup import ENTRIES

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Graph, Node
    from tvm_srq.lowering.lowering import Lowering

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "hardsigmoid": functional.hardsigmoid,
    "hardswish": functional.hardswish,
    "mish": functional.mish,
    "softplus": functional.softplus,
    "elu": functional.elu,
    "selu": functional.selu,
    "exp": torch.exp,
    "abs": torch.abs,
    "square": torch.square,
    "sqrt": lambda x: torch.sqrt(x.clamp(min=0)),
    "erf": torch.erf,
}
STRIDE = 2**16 // ENTRIES  # stream values are looked up at every 16th


class Function(Operator):
    """``function``: a key of :data:`FUNCTIONS`."""

    name = "function"
    attributes = frozenset({"function"})

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        return FUNCTIONS[node.attributes["function"]](inputs[0])

    def check(self, node: Node, graph: Graph) -> None:
        super().check(node, graph)
        if node.attributes.get("function") not in FUNCTIONS:
            raise UserError(f"node {node.name} has the unknown function {node.attributes.get('function')}; update tvm_srq")

    def table(self, node: Node, step_in: float, step_out: float) -> NDArray[np.int16]:
        """(4096,) int16 for stream values in steps of ``step_in``, in steps of ``step_out``."""
        values = torch.arange(-ENTRIES // 2, ENTRIES // 2, dtype=torch.float64) * (STRIDE * step_in)
        results = FUNCTIONS[node.attributes["function"]](values).numpy() / step_out
        return np.rint(np.clip(results, STREAM_MIN, STREAM_MAX)).astype(np.int16)

    def lower(self, node: Node, lowering: Lowering) -> None:
        lowering.emit(node, steps.Lookup(lowering.spec.tables[node.name]), [lowering.stream(node.inputs[0])])
