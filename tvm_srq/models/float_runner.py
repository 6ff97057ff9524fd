"""A float network as a picture-to-picture function: the baseline everything quantized is compared with."""

import numpy as np
import torch
from numpy.typing import NDArray

from tvm_srq.models.base import Network, to_picture


class FloatRunner:
    """(H, W, 3) uint8 -> (scale * H, scale * W, 3) uint8, in float32."""

    def __init__(self, network: Network):
        self.network = network.eval()

    @torch.no_grad()
    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        batch = torch.tensor(picture).permute(2, 0, 1)[None].float() * (self.network.pixel_range / 255.0)
        return to_picture(self.network(batch), self.network.output_range)[0].permute(1, 2, 0).contiguous().numpy()
