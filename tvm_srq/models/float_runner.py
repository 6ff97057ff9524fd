"""A float network as a picture-to-picture function: the baseline everything quantized is compared with."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tvm_srq.models.base import Network, as_batch, to_picture


class FloatRunner:
    """(H, W, 3) uint8 -> (scale * H, scale * W, 3) uint8, in float32."""

    def __init__(self, network: Network):
        self.network = network.eval()

    @torch.no_grad()
    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return self.upscale(as_batch(picture, self.network))

    @torch.no_grad()
    def upscale(self, batch: Tensor) -> NDArray[np.uint8]:
        """(1, 3, H, W) float32 network input -> (scale * H, scale * W, 3) uint8."""
        return to_picture(self.network(batch), self.network.output_range)[0].permute(1, 2, 0).contiguous().numpy()
