"""A graph as a picture-to-picture function in float32: what everything quantized is compared with."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tvm_srq.graph.graph import Graph
from tvm_srq.graph.network import GraphNetwork, as_batch, to_picture


class GraphRunner:
    """(H, W, C) uint8 -> (scale * H, scale * W, C) uint8."""

    def __init__(self, network: Graph | GraphNetwork):
        self.network = network if isinstance(network, GraphNetwork) else GraphNetwork(network)
        self.graph = self.network.graph

    @torch.no_grad()
    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Raises UserError for a picture that the network does not take."""
        return self.upscale(as_batch(picture, self.graph))

    @torch.no_grad()
    def upscale(self, batch: Tensor) -> NDArray[np.uint8]:
        """(1, C, H, W) float32 network input -> (scale * H, scale * W, C) uint8."""
        return to_picture(self.network(batch), self.graph.picture.output_range)[0].permute(1, 2, 0).contiguous().numpy()
