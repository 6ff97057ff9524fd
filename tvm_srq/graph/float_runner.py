"""A graph as a picture-to-picture function in float32: what everything quantized is compared with."""

import numpy as np
import torch
from numpy.typing import NDArray

from tvm_srq.data.pictures import require_picture
from tvm_srq.graph.graph import Graph
from tvm_srq.graph.network import GraphNetwork, as_batch, to_picture


class GraphRunner:
    """(H, W, C) uint8 -> (scale * H, scale * W, C) uint8."""

    def __init__(self, graph: Graph):
        self.graph, self.network = graph, GraphNetwork(graph)

    @torch.no_grad()
    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Raises UserError for a picture that the network does not take."""
        require_picture(picture, self.graph.picture.channels, self.graph.smallest)
        return to_picture(self.network(as_batch(picture, self.graph)), self.graph)[0].permute(1, 2, 0).contiguous().numpy()
