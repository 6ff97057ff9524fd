"""The benchmark's network, and the form of it that peers are given.

EDSR-baseline x4 (16 blocks, 64 features) has no trained weights at hand. With a trained EDSR of 8 blocks, 64 features and
scale 2, its weights are used where their shapes fit, in a way that keeps activations and pictures sane; without one, a
seeded random initialization.
"""

import copy
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, fx, nn
from torch.fx.experimental.optimization import fuse

from tvm_srq.models.base import Network, to_picture
from tvm_srq.models.edsr import EDSR, MeanShift
from tvm_srq.models.load import load_checkpoint, read_state_dict

BASELINE = "edsr-baseline-x4"
BLOCKS, FEATURES, SCALE, SEED = 16, 64, 4, 0
DONOR = Path("weights") / "edsr_r8f64_x2.pt"
ORIGINS = {
    True: f"EDSR-baseline x4; trained weights of {DONOR.name} in the head, 16 blocks (each of its 8 twice, at half strength), "
    "the first upsampler and the tail; second upsampler: bilinear interpolation with seeded noise",
    False: f"EDSR-baseline x4; random weights (PyTorch's default initialization, seed {SEED})",
}
NOISE = 0.02  # of the seeded part of the second upsampler, relative to an interpolation weight of 1


def prepare_checkpoint(name: str, data: str | None, folder: Path) -> tuple[Path, str]:
    """The checkpoint of a network by name or path, and a sentence on where its weights are from.

    Raises:
        UserError: ``name`` is a path that is no checkpoint of a known network.
    """
    if name != BASELINE:
        network = load_checkpoint(name)
        return Path(name), f"{network.family} {network.config} from {Path(name).name}"
    donor = Path(data) / DONOR if data else None
    trained = donor is not None and donor.is_file()
    network = baseline_from_donor(read_state_dict(donor)) if donor is not None and trained else baseline_from_seed()
    path = folder / f"{BASELINE}-{'trained' if trained else 'random'}.safetensors"
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path)
    return path, ORIGINS[trained]


def baseline_from_seed() -> EDSR:
    torch.manual_seed(SEED)
    return EDSR(BLOCKS, FEATURES, SCALE)


@torch.no_grad()
def baseline_from_donor(state: dict[str, Tensor]) -> EDSR:
    """EDSR-baseline x4 from an EDSR of 8 blocks, 64 features, scale 2.

    A block adds a residual to the stream; the donor's block applied twice at half strength does about what it did once.
    The second upsampler interpolates each feature bilinearly (plus seeded noise), so the donor's tail still sees features
    like those it was trained on and a plausible picture comes out.
    """
    network = baseline_from_seed()
    own = network.state_dict()
    for block in range(BLOCKS):
        for layer in ("0", "2"):
            for kind in ("weight", "bias"):
                value = state[f"body.{block // 2}.body.{layer}.{kind}"]
                own[f"body.{block}.body.{layer}.{kind}"] = value * (0.5 if layer == "2" else 1.0)
    for kind in ("weight", "bias"):
        own[f"head.0.{kind}"] = state[f"head.0.{kind}"]
        own[f"body.{BLOCKS}.{kind}"] = state[f"body.8.{kind}"]
        own[f"tail.0.0.{kind}"] = state[f"tail.0.0.{kind}"]
        own[f"tail.1.{kind}"] = state[f"tail.1.{kind}"]
    own["tail.0.2.weight"] = bilinear_upsampler(FEATURES)
    own["tail.0.2.bias"] = torch.zeros(4 * FEATURES)
    network.load_state_dict(own)
    return network


def bilinear_upsampler(features: int) -> Tensor:
    """(4 * features, features, 3, 3): interpolation of each feature at the four quarter positions, plus seeded noise."""
    generator = torch.Generator().manual_seed(SEED)
    weight = torch.randn(4 * features, features, 3, 3, generator=generator) * (NOISE / features**0.5)
    near = {0: torch.tensor([0.25, 0.75, 0.0]), 1: torch.tensor([0.0, 0.75, 0.25])}
    for feature in range(features):
        for down in (0, 1):
            for right in (0, 1):
                weight[4 * feature + 2 * down + right, feature] += torch.outer(near[down], near[right])
    return weight


class Offset(nn.Module):
    """Adds a colour: what a mean shift is, without the 1x1 convolution it is stored as."""

    def __init__(self, colour: Tensor):
        super().__init__()
        self.register_buffer("colour", colour.detach().clone().reshape(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.colour


def deployed(checkpoint: Path) -> Network:
    """The network in its best form for float32 runtimes: batch norms, the last mean shift and ranges folded into convolutions."""
    network = copy.deepcopy(load_checkpoint(checkpoint))
    if isinstance(network, EDSR):
        network.sub_mean = shift_as_offset(network.sub_mean)
        last, shift = network.tail[-1], network.add_mean
        with torch.no_grad():
            last.bias += shift.bias
        network.add_mean = nn.Identity()
    fused = fuse(network.eval())
    fused.pixel_range, fused.output_range, fused.scale = network.pixel_range, network.output_range, network.scale
    return fold_ranges(fused).requires_grad_(False)


@torch.no_grad()
def fold_ranges(network: fx.GraphModule) -> fx.GraphModule:
    """Scale the first and last convolutions so that pixels are 0..255 at both ends, where they are the ends."""
    first = next(node for node in network.graph.nodes if node.op == "placeholder")
    readers = [end_convolution(network, user) for user in first.users]
    if all(reader is not None for reader in readers):
        for reader in readers:
            reader.weight *= network.pixel_range / 255.0
        network.pixel_range = 255.0
    last = end_convolution(network, next(node for node in network.graph.nodes if node.op == "output").args[0])
    if last is not None and last.bias is not None:
        black, white = network.output_range
        gain = 255.0 / (white - black)
        last.weight *= gain
        last.bias.copy_(last.bias * gain - black * gain)
        network.output_range = (0.0, 255.0)
    return network


def end_convolution(network: fx.GraphModule, node: fx.Node) -> nn.Conv2d | None:
    module = network.get_submodule(node.target) if node.op == "call_module" else None
    return module if isinstance(module, nn.Conv2d) else None


def shift_as_offset(shift: MeanShift) -> Offset:
    if not torch.equal(shift.weight[:, :, 0, 0], torch.eye(3)):
        raise ValueError("the mean shift also scales")
    return Offset(shift.bias)


class PixelNetwork(nn.Module):
    """(1, 3, H, W) float32 pixels 0..255 -> (1, 3, scale * H, scale * W) float32 pixels, neither rounded nor clamped."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network
        black, white = network.output_range
        self.gain, self.output_gain = network.pixel_range / 255.0, 255.0 / (white - black)
        self.offset = -black * self.output_gain

    def forward(self, pixels: Tensor) -> Tensor:
        output = self.network(pixels if self.gain == 1.0 else pixels * self.gain)
        return output if self.output_gain == 1.0 else output * self.output_gain + self.offset


class PictureNetwork(nn.Module):
    """(1, H, W, 3) uint8 -> (1, scale * H, scale * W, 3) uint8: the network with its pre- and postprocessing."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network

    def forward(self, picture: Tensor) -> Tensor:
        pixels = picture.permute(0, 3, 1, 2).float()
        if self.network.pixel_range != 255.0:
            pixels = pixels * (self.network.pixel_range / 255.0)
        return to_picture(self.network(pixels), self.network.output_range).permute(0, 2, 3, 1)
