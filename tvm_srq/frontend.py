"""PyTorch -> Relax: torch.export of the quantized network, from the uint8 picture to the uint8 picture."""

import warnings

import numpy as np
import torch
from torch import Tensor, nn
from tvm import IRModule
from tvm.relax.frontend.torch import from_exported_program

from tvm_srq.models.base import Network
from tvm_srq.models.load import network_from_spec
from tvm_srq.spec import QuantSpec


class PictureToPicture(nn.Module):
    """(H, W, 3) uint8 -> (scale * H, scale * W, 3) uint8; the network's weights are parameters named ``network.*``."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network

    def forward(self, picture: Tensor) -> Tensor:
        black, white = self.network.output_range
        batch = picture.permute(2, 0, 1).unsqueeze(0).float() * float(np.float32(self.network.pixel_range / 255.0))
        output = (self.network(batch) - black) * float(np.float32(255.0 / (white - black)))
        return output.round().clamp(0, 255).to(torch.uint8).squeeze(0).permute(1, 2, 0)


def import_network(spec: QuantSpec) -> IRModule:
    """The quantized network as a Relax module with symbolic height and width, weights as named parameters."""
    module = PictureToPicture(network_from_spec(spec))
    height, width = torch.export.Dim("height", min=1), torch.export.Dim("width", min=1)
    example = torch.zeros(24, 31, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        program = torch.export.export(module, (example,), dynamic_shapes=({0: height, 1: width},))
        return from_exported_program(program, keep_params_as_input=True, unwrap_unit_return_tuple=True)
