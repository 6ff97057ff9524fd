"""Named ways to quantize: settings, and how long to finetune."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from tvm_srq.data.pictures import list_pictures, read_picture
from tvm_srq.errors import UserError
from tvm_srq.graph.network import GraphNetwork, as_batch
from tvm_srq.quant.baselines.learned_bounds import Form
from tvm_srq.quant.baselines.sensitivity_aware import PaperSchedule, finetune_bounds
from tvm_srq.quant.fitting.calibrate import quantize_network, statistics_for
from tvm_srq.quant.fitting.doubts import warn_of_pictures
from tvm_srq.quant.fitting.pictures import chosen_pictures, pictures_to_train_on
from tvm_srq.quant.fitting.reached import squares_input
from tvm_srq.quant.policy.mixed import choose_precisions, parse_budget
from tvm_srq.quant.policy.settings import WINOGRAD_MAGNITUDE, Settings
from tvm_srq.quant.training.finetune import Schedule, finetune, random_patches
from tvm_srq.quant.training.resume import Progress
from tvm_srq.spec import QuantSpec

FINE_RATE = 0.3  # of the learning rates, from 7 bits on: there is less to move
PAPER_PATCHES = 100  # one of each picture


@dataclass(frozen=True)
class Preset:
    """Settings that differ from the defaults, and the finetuning's schedule."""

    description: str
    settings: dict[str, Any] = field(default_factory=dict)
    schedule: Schedule | PaperSchedule = field(default_factory=Schedule)


IN_RANGE = {"weight_bits": 6, "activation_bits": 6, "activation_magnitude": WINOGRAD_MAGNITUDE, "upsamplers": "body"}
PRESETS = {
    "fast": Preset("calibration alone, no finetuning"),
    "default": Preset("finetuned for minutes", schedule=Schedule(steps=600)),
    "best": Preset("finetuned for tens of minutes", schedule=Schedule(steps=2000, pool=1024, average=0.99)),
    "paper": Preset("the paper's method: free levels, sensitivity-aware finetuning of bounds; simulation only",
                    {"grid": "free", "equalize": False, "rounding": "nearest"}, PaperSchedule()),
    "fast6": Preset("6 bits, upsamplers too, as fast as 4 bits on Winograd kernels; finetuned", IN_RANGE,
                    Schedule(steps=600)),
}  # fmt: skip


def preset_named(name: str) -> Preset:
    """Raises UserError for a name that is none of PRESETS."""
    if name not in PRESETS:
        raise UserError(f"preset {name} is none of {', '.join(PRESETS)}")
    return PRESETS[name]


def quantize_by_preset(
    network: GraphNetwork, folder: str | Path, name: str = "fast", finetune_steps: int | None = None, sensitivity: bool = True,
    budget: str | None = None, progress: Progress | None = None, **overrides: Any,
) -> QuantSpec:
    """Quantize, and finetune if the preset says so.

    Args:
        finetune_steps: instead of the preset's number of optimizer steps.
        sensitivity: False leaves the feature loss out of preset "paper" (plain finetuning, for comparison).
        overrides: of the preset's settings, as :class:`Settings`; wider or narrower weights than the preset's drop its
            largest weight, activations its largest |m|.
        budget: ``size=0.5x`` or ``cost=0.7x``: widths by layer from measured sensitivities (quant.policy.mixed).
        progress: keeps the state of finetuning in a file, to go on from.

    Raises:
        UserError: an unknown preset, settings out of range, unreadable pictures, or finetuning without integer grids.
    """
    preset = preset_named(name)
    chosen = dict(preset.settings)
    for bits, magnitude in (("weight_bits", "weight_magnitude"), ("activation_bits", "activation_magnitude")):
        if bits in overrides:
            chosen.pop(magnitude, None)
    settings = Settings(**{**chosen, **overrides})
    if budget is not None and settings.table:
        raise UserError("a budget chooses the widths that a table gives; leave one of them out")
    if budget is not None:
        settings = choose_precisions(network, folder, settings, parse_budget(budget))
    if isinstance(preset.schedule, PaperSchedule):
        if finetune_steps is not None:
            raise UserError(f"preset {name} trains whole epochs; leave --finetune-steps out")
        return quantize_as_the_paper(network, folder, settings, replace(preset.schedule, sensitivity=sensitivity), progress)
    steps = preset.schedule.steps if finetune_steps is None else finetune_steps
    if steps < 0:
        raise UserError(f"finetuning steps must be 0 or more, not {steps}")
    if steps and settings.grid != "aligned":
        raise UserError("finetuning trains integer grids only; use --grid aligned or --finetune-steps 0")
    started = time.perf_counter()
    warn_of_pictures(chosen_pictures(folder, settings)[0], network.channels)
    spec = quantize_network(network, folder, settings)
    metadata = {**spec.metadata, "preset": name, "finetune_steps": steps}
    if steps:
        schedule = schedule_for(settings, replace(preset.schedule, steps=steps))
        spec, distances = finetune_on_folder(network, spec, folder, settings, schedule, progress)
        metadata["held_out_distances"] = distances
    report_cost(time.perf_counter() - started)
    return replace(spec, metadata=metadata)


def schedule_for(settings: Settings, schedule: Schedule) -> Schedule:
    """What suits the precision.

    The upsamplers' codes must reach as far as drawn patches drive them. With 8 bits there is room; with fewer, photographs pay:
    on SRResNet with 6 bits the held-out distance rose from 3.1 to 4.4.
    """
    rate = schedule.rate * (FINE_RATE if min(settings.weight_bits, settings.activation_bits) > 6 else 1.0)
    return replace(schedule, rate=rate, drawn=schedule.drawn if settings.upsamplers == "edge" else 0.0)


def quantize_as_the_paper(
    network: GraphNetwork, folder: str | Path, settings: Settings, schedule: PaperSchedule, progress: Progress | None = None
) -> QuantSpec:
    """The paper's quantizer and finetuning; "minmax" in the settings trains uniform quantizers instead of dual regions."""
    if settings.grid != "free" or settings.quantizer not in ("dual-region", "minmax"):
        raise UserError("preset paper trains free dual-region or minmax quantizers; leave --grid and --quantizer as they are")
    started = time.perf_counter()
    warn_of_pictures(chosen_pictures(folder, settings)[0], network.channels)
    statistics = statistics_for(network, folder, settings)
    spec = quantize_network(network, folder, settings, statistics)
    pictures = [as_batch(read_picture(path, network.channels), network.graph) for path in list_pictures(folder)]
    generator = torch.Generator().manual_seed(settings.seed)
    patches = random_patches(pictures, schedule.patch, PAPER_PATCHES, generator)
    form = Form(settings.quantizer == "dual-region", settings.level_budget)
    trained = finetune_bounds(network, spec, statistics.values, patches, settings, form, schedule, progress)
    report_cost(time.perf_counter() - started)
    return replace(trained, metadata={**spec.metadata, "preset": "paper"})


def finetune_on_folder(
    network: GraphNetwork, spec: QuantSpec, folder: str | Path, settings: Settings, schedule: Schedule,
    progress: Progress | None = None,
) -> tuple[QuantSpec, list[float]]:  # fmt: skip
    """Train on every picture that is not held out (on all where there are no others)."""
    pictures, held_out = pictures_to_train_on(network.graph, folder, settings)
    if settings.holds_colours:
        held_out.append(squares_input(network.graph, max(picture.shape[2] for picture in held_out)))
    return finetune(network, spec, pictures, held_out, schedule, settings.seed, progress)


def report_cost(seconds: float) -> None:
    """Tell time and the process's peak memory on standard error: they are not part of a file that must be repeatable."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"quantized in {seconds:.1f} s, peak memory {peak:.0f} MiB", file=sys.stderr)
