"""Finetuning a quantized network on low-resolution pictures alone: its output follows the full-precision network's.

Everything at once: input steps by channel, weight units, weights (through their rounding) and offsets. The loss is the distance
of the outputs as PSNR sees it (quant.training.visible_error); what is kept is the average of the trained values with the least
such distance on held-out calibration pictures.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from tvm_srq.graph.network import GraphNetwork
from tvm_srq.quant.fitting.two_parts import like
from tvm_srq.quant.training.input_grid import InputGrid
from tvm_srq.quant.training.resume import Progress, Training
from tvm_srq.quant.training.silhouettes import silhouettes
from tvm_srq.quant.training.state_file import identity
from tvm_srq.quant.training.trainable import TrainableConvolution, trainable_network, trained_spec
from tvm_srq.quant.training.visible_error import logarithmic, squared_error, visible_distance
from tvm_srq.spec import QuantSpec

RATES = {"codes": 0.01, "log_steps": 0.003, "log_units": 0.001, "offset": 0.05}


@dataclass(frozen=True)
class Schedule:
    """How long and on what to train.

    Attributes:
        steps: optimizer steps; 0 does nothing.
        batch: patches a step; ``patch``: their side in low-resolution pixels; ``pool``: different patches in all.
        drawn: the share of them made into silhouettes (quant.training.silhouettes).
        margin: low-resolution pixels at a patch's border that do not count: zeros lie beyond them, not the picture.
        rate: multiplies the learning rates of ``RATES``, which fall to zero along a cosine.
        average: decay of the moving average of the trained values.
        checks: how often the held-out distance is measured.
    """

    steps: int = 0
    batch: int = 2
    patch: int = 48
    pool: int = 512
    drawn: float = 0.25
    margin: int = 8
    rate: float = 1.0
    average: float = 0.98
    checks: int = 10


def random_patches(pictures: list[Tensor], side: int, count: int, generator: torch.Generator) -> Tensor:
    """(count, 3, side, side) from (1, 3, H, W) pictures; a smaller picture limits the side."""
    side = min(side, *(min(picture.shape[2:]) for picture in pictures))
    patches = []
    for _ in range(count):
        picture = pictures[int(torch.randint(len(pictures), (1,), generator=generator))]
        top, left = (int(torch.randint(length - side + 1, (1,), generator=generator)) for length in picture.shape[2:])
        patches.append(picture[:, :, top : top + side, left : left + side])
    return torch.cat(patches)


def parameter_groups(network: nn.Module, rate: float) -> list[dict]:
    parts = [module for module in network.modules() if isinstance(module, TrainableConvolution | InputGrid)]
    groups = []
    for name, base in RATES.items():
        parameters = [getattr(part, name) for part in parts if hasattr(part, name) and getattr(part, name).requires_grad]
        groups.append({"params": parameters, "lr": base * rate})
    return groups


@torch.no_grad()
def distance(network: GraphNetwork, batches: list[Tensor], targets: list[Tensor]) -> float:
    """To the full-precision outputs, as quant.training.visible_error."""
    return visible_distance([network(batch) for batch in batches], targets, network.graph.picture.grey_level)


@dataclass(kw_only=True)
class Finetuning(Training):
    """Where finetuning is.

    Attributes:
        student: what is trained; ``averaged``: the moving average of it.
        generator: chooses the patches of each step.
        history: held-out distances of ``averaged``, the starting point's first.
        best: the state of ``averaged`` with the least of them; None: the starting point's.
    """

    student: GraphNetwork
    averaged: GraphNetwork
    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler
    generator: torch.Generator
    history: list[float] = field(default_factory=list)
    best: dict[str, Tensor] | None = None

    @classmethod
    def at(cls, student: GraphNetwork, schedule: Schedule, generator: torch.Generator) -> Finetuning:
        optimizer = torch.optim.Adam(parameter_groups(student, schedule.rate), betas=(0.9, 0.99))
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(schedule.steps, 1))
        averaged = copy.deepcopy(student)
        return cls(student=student, averaged=averaged, optimizer=optimizer, scheduler=scheduler, generator=generator)

    def descend(self, loss: Tensor) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.scheduler.step()

    def measure(self, held_out: list[Tensor], targets: list[Tensor]) -> None:
        self.history.append(distance(self.averaged, held_out, targets))
        if len(self.history) > 1 and self.history[-1] == min(self.history):
            self.best = {name: value.clone() for name, value in self.averaged.state_dict().items()}


def finetune(
    network: GraphNetwork, spec: QuantSpec, pictures: list[Tensor], held_out: list[Tensor], schedule: Schedule, seed: int = 0,
    progress: Progress | None = None,
) -> tuple[QuantSpec, list[float]]:  # fmt: skip
    """Train a QuantSpec towards its full-precision network.

    Args:
        pictures, held_out: (1, 3, H, W) network inputs to train on and to measure on.
        progress: keeps the state of training in a file, to go on from.

    Returns:
        The best QuantSpec by held-out distance, and the distances measured, the starting point's first.
    """
    network, generator = like(network, spec.graph), torch.Generator().manual_seed(seed)
    patches = random_patches(pictures, schedule.patch, schedule.pool, generator)
    drawn = round(schedule.drawn * len(patches))
    patches[:drawn] = silhouettes(patches[:drawn], network.graph.picture.white, generator)
    with torch.no_grad():
        wanted = torch.cat([network(chunk) for chunk in patches.split(16)])
        targets = [network(batch) for batch in held_out]
    now = Finetuning.at(trainable_network(network, spec), schedule, generator)
    now.measure(held_out, targets)
    edge = min(schedule.margin, patches.shape[2] // 4) * network.scale
    white = network.graph.picture.grey_level
    origin = ["finetune 5", identity(network), spec, schedule, RATES, seed, patches, held_out]
    with (progress or Progress()).steps(now, schedule.steps, origin, "finetuning") as steps:
        for step in steps:
            chosen = torch.randint(len(patches), (schedule.batch,), generator=generator)
            difference = (now.student(patches[chosen]) - wanted[chosen]) / white
            now.descend(logarithmic(squared_error(difference[:, :, edge:-edge or None, edge:-edge or None])))
            update_average(now.averaged, now.student, min(schedule.average, (1 + step) / (10 + step)))
            if (step + 1) % max(schedule.steps // schedule.checks, 1) == 0 or step + 1 == schedule.steps:
                now.measure(held_out, targets)
    if now.best is None:
        return spec, now.history
    now.averaged.load_state_dict(now.best)
    return trained_spec(now.averaged, spec), now.history


@torch.no_grad()
def update_average(averaged: nn.Module, student: nn.Module, decay: float) -> None:
    for kept, trained in zip(averaged.parameters(), student.parameters(), strict=True):
        kept.lerp_(trained, 1 - decay)
