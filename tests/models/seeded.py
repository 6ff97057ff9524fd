"""What tests of networks share: seeded state dicts, single operators on them, and the PSNR of real weights."""

import torch
from torch import Tensor
from torch.nn import functional

from tvm_srq.data.datasets import find_dataset, pairs
from tvm_srq.graph.float_runner import GraphRunner
from tvm_srq.metrics import psnr_y
from tvm_srq.models import load_checkpoint
from tvm_srq.networks import load_network

State = dict[str, Tensor]


def convolutions(shapes: dict[str, tuple[int, int, int]], seed: int = 0) -> State:
    """Random weights and biases of convolutions given as name: (output channels, input channels, kernel)."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, (out_channels, in_channels, kernel) in shapes.items():
        gain = (in_channels * kernel * kernel) ** -0.5
        state[f"{name}.weight"] = gain * torch.randn(out_channels, in_channels, kernel, kernel, generator=generator)
        state[f"{name}.bias"] = 0.1 * torch.randn(out_channels, generator=generator)
    return state


def convolve(state: State, name: str, x: Tensor, groups: int = 1) -> Tensor:
    """One of the convolutions, its output as large as its input."""
    weight = state[f"{name}.weight"]
    return functional.conv2d(x, weight, state[f"{name}.bias"], padding=weight.shape[-1] // 2, groups=groups)


def noise(height: int, width: int, channels: int = 3, white: float = 1.0) -> Tensor:
    """A seeded random picture, (1, channels, height, width) in 0..white."""
    return white * torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(1))


def loaded(state: State, folder, scale: int | None = None):
    """The network that a state dict saved as a file is loaded as."""
    torch.save(state, folder / "net.pth")
    return load_checkpoint(folder / "net.pth", scale)


@torch.no_grad()
def assert_computes(network, picture: Tensor, expected: Tensor) -> None:
    """The network gives exactly what single operators gave, and as large as its scale says."""
    output = network(picture)
    assert output.shape[2:] == (network.scale * picture.shape[2], network.scale * picture.shape[3])
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-6 * float(expected.abs().max()))


def psnr_of(data, checkpoint: str, picture: str, scale: int | None = None) -> float:
    """PSNR-Y of real weights on one picture of Set5, run from the graph."""
    network = load_network(data / "weights" / checkpoint, scale)
    for name, low, high in pairs(find_dataset("Set5", str(data)), network.scale):
        if name == picture:
            return psnr_y(GraphRunner(network)(low), high, network.scale)
    raise AssertionError(f"no {picture} in Set5")
