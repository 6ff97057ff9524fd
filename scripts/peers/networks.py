"""The benchmark's network, and the form of it that peers are given.

EDSR-baseline x4 (16 blocks, 64 features) has no trained weights at hand. With a trained EDSR of 8 blocks, 64 features and
scale 2, its weights are used where their shapes fit, in a way that keeps activations and pictures sane; without one, a
seeded random initialization.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, fx, nn

from peers.float_module import float_module
from peers.folding import between_pixels
from peers.task import Task
from tvm_srq.errors import UserError
from tvm_srq.models.edsr import EDSR
from tvm_srq.models.load import read_state_dict
from tvm_srq.networks import load_graph

BASELINE = "edsr-baseline-x4"
BLOCKS, FEATURES, SCALE, SEED = 16, 64, 4, 0
DONOR = Path("weights") / "edsr_r8f64_x2.pt"
ORIGINS = {
    True: f"EDSR-baseline x4; trained weights of {DONOR.name} in the head, 16 blocks (each of its 8 twice, at half strength), "
    "the first upsampler and the tail; second upsampler: bilinear interpolation with seeded noise",
    False: f"EDSR-baseline x4; random weights (PyTorch's default initialization, seed {SEED})",
}
NOISE = 0.02  # of the seeded part of the second upsampler, relative to an interpolation weight of 1


def prepare_checkpoint(name: str, data: str | None, folder: Path, scale: int | None = None) -> tuple[Path, str]:
    """The file of a network by name or path, and a sentence on where its weights are from.

    Args:
        scale: which one, of a checkpoint that serves several.

    Raises:
        UserError: ``name`` is a path of no network that load_graph reads, or of one for grey pictures.
    """
    if name != BASELINE:
        graph = load_graph(name, scale)
        if graph.picture.channels != 3:
            raise UserError(f"{name} is of a network for grey pictures; give one for RGB pictures")
        return Path(name), f"{graph.description} from {Path(name).name}"
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


def deployed(task: Task) -> fx.GraphModule:
    """The network in its best form for float32 runtimes: (1, 3, H, W) pixels 0..255 -> pixels, neither rounded nor clamped."""
    return float_module(between_pixels(load_graph(task.checkpoint, task.scale)))


class PictureNetwork(nn.Module):
    """(1, H, W, 3) uint8 -> (1, scale * H, scale * W, 3) uint8: the network with its pre- and postprocessing."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, picture: Tensor) -> Tensor:
        output = self.network(picture.permute(0, 3, 1, 2).float())
        return output.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
