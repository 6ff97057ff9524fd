"""Finetuning a quantized network on low-resolution pictures alone: its output follows the full-precision network's.

Everything at once: input steps by channel, weight units, weights (through their rounding) and offsets. The loss is the mean
squared distance of the outputs, which is what PSNR measures; what is kept is the average of the trained values with the
least such distance on held-out calibration pictures.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm import tqdm

from tvm_srq.models.base import Network
from tvm_srq.quant.trainable import TrainableConvolution, trainable_network, trained_spec
from tvm_srq.spec import QuantSpec

RATES = {"codes": 0.01, "log_steps": 0.003, "log_units": 0.001, "offset": 0.05}


@dataclass(frozen=True)
class Schedule:
    """How long and on what to train.

    Attributes:
        steps: optimizer steps; 0 does nothing.
        batch: patches a step; ``patch``: their side in low-resolution pixels; ``pool``: different patches in all.
        margin: low-resolution pixels at a patch's border that do not count: zeros lie beyond them, not the picture.
        rate: multiplies the learning rates of ``RATES``, which fall to zero along a cosine.
        average: decay of the moving average of the trained values.
        checks: how often the held-out distance is measured.
    """

    steps: int = 0
    batch: int = 2
    patch: int = 48
    margin: int = 8
    pool: int = 512
    rate: float = 1.0
    average: float = 0.98
    checks: int = 10


def random_patches(pictures: list[Tensor], schedule: Schedule, generator: torch.Generator) -> Tensor:
    """(pool, 3, patch, patch) from (1, 3, H, W) pictures; a smaller picture limits the side."""
    side = min(schedule.patch, *(min(picture.shape[2:]) for picture in pictures))
    patches = []
    for _ in range(schedule.pool):
        picture = pictures[int(torch.randint(len(pictures), (1,), generator=generator))]
        top, left = (int(torch.randint(length - side + 1, (1,), generator=generator)) for length in picture.shape[2:])
        patches.append(picture[:, :, top : top + side, left : left + side])
    return torch.cat(patches)


def parameter_groups(network: nn.Module, rate: float) -> list[dict]:
    layers: list[nn.Module] = [module for module in network.modules() if isinstance(module, TrainableConvolution)]
    groups = []
    for name, base in RATES.items():
        parameters = [getattr(layer, name) for layer in layers if getattr(layer, name).requires_grad]
        groups.append({"params": parameters, "lr": base * rate})
    return groups


@torch.no_grad()
def distance(network: nn.Module, batches: list[Tensor], targets: list[Tensor]) -> float:
    """Mean squared distance to the full-precision outputs."""
    return sum(float(((network(b) - t) ** 2).mean()) for b, t in zip(batches, targets, strict=True)) / len(batches)


def finetune(
    network: Network, spec: QuantSpec, pictures: list[Tensor], held_out: list[Tensor], schedule: Schedule, seed: int = 0
) -> tuple[QuantSpec, list[float]]:
    """Train a QuantSpec towards its full-precision network.

    Args:
        pictures, held_out: (1, 3, H, W) network inputs to train on and to measure on.

    Returns:
        The best QuantSpec by held-out distance, and the distances measured, the starting point's first.
    """
    generator = torch.Generator().manual_seed(seed)
    patches = random_patches(pictures, schedule, generator)
    with torch.no_grad():
        wanted = torch.cat([network(chunk) for chunk in patches.split(16)])
        targets = [network(batch) for batch in held_out]
    student = trainable_network(network, spec)
    groups = parameter_groups(student, schedule.rate)
    optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99))
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(schedule.steps, 1))
    averaged = copy.deepcopy(student)
    history = [distance(averaged, held_out, targets)]
    best = spec
    edge = min(schedule.margin, patches.shape[2] // 4) * network.scale
    white = (network.output_range[1] - network.output_range[0]) / 255.0
    for step in tqdm(range(schedule.steps), "finetuning", disable=None):
        chosen = torch.randint(len(patches), (schedule.batch,), generator=generator)
        difference = (student(patches[chosen]) - wanted[chosen]) / white
        loss = difference[:, :, edge:-edge or None, edge:-edge or None].square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        scheduler.step()
        update_average(averaged, student, min(schedule.average, (1 + step) / (10 + step)))
        if (step + 1) % max(schedule.steps // schedule.checks, 1) == 0 or step + 1 == schedule.steps:
            history.append(distance(averaged, held_out, targets))
            if history[-1] == min(history):
                best = trained_spec(averaged, spec)
    return best, history


@torch.no_grad()
def update_average(averaged: nn.Module, student: nn.Module, decay: float) -> None:
    for kept, trained in zip(averaged.parameters(), student.parameters(), strict=True):
        kept.lerp_(trained, 1 - decay)
