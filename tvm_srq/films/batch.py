"""Films one after another: one that fails is told, and the rest go on."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tvm_srq.errors import UserError
from tvm_srq.films.library import require_av
from tvm_srq.pictures.jobs import Job
from tvm_srq.pictures.pipeline import Failure, Summary, attempt, lost_line
from tvm_srq.pictures.settings import RunSettings
from tvm_srq.upscalers import Loaded

if TYPE_CHECKING:
    from tvm_srq.films.upscaling import Upscaled


def run_films(
    jobs: Sequence[Job], loaded: Loaded, network: str | Path, settings: RunSettings, tell: Callable[[str], None], summary: Summary
) -> None:
    """Upscale every film that can be, and count them.

    Args:
        tell: gets what failed and what outputs do not hold, a line each.

    Raises:
        KeyboardInterrupt: with what is done in words.
    """
    began = time.perf_counter()
    for done, job in enumerate(jobs):
        try:
            outcome = attempt(job, film_of, job, loaded, network, settings)
        except KeyboardInterrupt as interruption:
            raise KeyboardInterrupt(f"{done} of {len(jobs)} films are done", *interruption.args) from None
        if isinstance(outcome, Failure):
            summary.failed += 1
            tell(outcome.reason)
        elif outcome is None:
            summary.skipped += 1
        else:
            summary.upscaled += 1
            summary.films += 1
            summary.frames += outcome.frames
            summary.pixels += outcome.pixels
            if outcome.lost:
                tell(lost_line(job.source, job.output.name, outcome.lost))
    summary.seconds += time.perf_counter() - began


def film_of(job: Job, loaded: Loaded, network: str | Path, settings: RunSettings) -> "Upscaled | None":
    """One film into a folder; None: the output is there, and stays.

    Raises:
        UserError: it is there, and nothing says what to do with it, or the film cannot be upscaled.
    """
    if os.path.lexists(job.output):
        if settings.resume:
            return None
        if not settings.overwrite:
            raise UserError(f"{job.output} is there already; give --overwrite to replace it or --resume to skip it")
    require_av(job.source)
    from tvm_srq.films.upscaling import upscale_film

    job.output.parent.mkdir(parents=True, exist_ok=True)
    return upscale_film(job.source, job.output, loaded, network, settings.film, settings.resume)
