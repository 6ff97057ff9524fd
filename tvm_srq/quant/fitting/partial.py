"""Running parts of a network: up to a convolution once, and what lies behind it as often as needed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

from tvm_srq.quant.plan import trace

Values = dict[fx.Node, Any]


class PartialRunner(fx.Interpreter):
    """Runs ranges of a network's nodes over a dictionary of live values; no value outlives its last reader."""

    def __init__(self, network: nn.Module):
        super().__init__(trace(network))
        assert isinstance(self.module, fx.GraphModule)
        self.nodes = list(self.module.graph.nodes)
        self.position = {str(node.target): index for index, node in enumerate(self.nodes) if node.op == "call_module"}

    def begin(self, batch: Tensor) -> tuple[Values, int]:
        """The values of the network's input alone, and the index of the first node to run on them."""
        assert self.nodes[0].op == "placeholder"
        return {self.nodes[0]: batch}, 1

    def advance(self, values: Values, start: int, stop: int) -> Values:
        """Run nodes start .. stop - 1; ``values`` is left as it was.

        Returns:
            What nodes from ``stop`` on still read.
        """
        self.env = dict(values)
        for node in self.nodes[start:stop]:
            self.env[node] = self.run_node(node)
            for dead in self.user_to_last_uses.get(node, []):
                self.env.pop(dead, None)
        result, self.env = self.env, {}
        return result

    def finish(self, values: Values, start: int) -> Tensor:
        """Run from node ``start`` to the end: the network's output."""
        self.env = dict(values)
        for node in self.nodes[start:]:
            result = self.run_node(node)
            self.env[node] = result
            for dead in self.user_to_last_uses.get(node, []):
                self.env.pop(dead, None)
        self.env = {}
        assert isinstance(result, torch.Tensor)
        return result
