"""A network run bit by bit over several batches, so that parts of it can be changed on the way."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from tvm_srq.graph.graph import PICTURE
from tvm_srq.graph.network import GraphNetwork, Values


class Walk:
    """A network run bit by bit over several batches.

    Attributes:
        values: by batch, what the nodes from ``position`` on read.
    """

    def __init__(self, network: GraphNetwork, batches: list[Tensor]):
        self.network, self.position = network, 0
        self.values: list[Values] = [{PICTURE: batch} for batch in batches]

    def outputs(self, values: Values, stop: int) -> list[Tensor]:
        """What nodes from ``position`` to ``stop`` make for those behind them."""
        return self.made(self.network.advance(values, self.position, stop), stop)

    def made(self, values: Values, stop: int) -> list[Tensor]:
        names = [node.name for node in self.network.graph.nodes[self.position : stop]]
        return [values[name] for name in names if name in values]

    def finished(self) -> list[Tensor]:
        """The network's outputs, by batch."""
        return list(self.finishing())

    def finishing(self, first: int = 0) -> Iterator[Tensor]:
        """The network's outputs, by batch from the ``first`` on, each computed when it is asked for."""
        return (self.network.finish(values, self.position) for values in self.values[first:])

    @torch.no_grad()
    def go_on(self, stop: int) -> list[list[Tensor]]:
        """Move on to a node; what those before it have made for it and those behind it, by batch."""
        self.values = [self.network.advance(values, self.position, stop) for values in self.values]
        outputs = [self.made(values, stop) for values in self.values]
        self.position = stop
        return outputs
