"""Many pictures: while one is upscaled, the next is read and the last one is written, each in a thread of its own."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from tqdm import tqdm

from tvm_srq.errors import UserError, shortened
from tvm_srq.pictures.jobs import Job
from tvm_srq.pictures.picture import Picture
from tvm_srq.pictures.reading import read_whole
from tvm_srq.pictures.settings import RunSettings
from tvm_srq.pictures.upscaling import upscale_picture
from tvm_srq.pictures.writing import write_whole
from tvm_srq.upscalers import Loaded

Result = TypeVar("Result")
Tell = Callable[[str], None]


@dataclass
class Summary:
    """What came of many pictures.

    Attributes:
        upscaled: pictures and films. films: of them. frames: of films. pixels: written, of all frames.
        seconds: by the clock on the wall.
    """

    upscaled: int = 0
    skipped: int = 0
    failed: int = 0
    pixels: int = 0
    seconds: float = 0.0
    films: int = 0
    frames: int = 0

    def __str__(self) -> str:
        counts = f"{self.upscaled} upscaled, {self.skipped} skipped, {self.failed} failed"
        seconds, pictures = max(self.seconds, 1e-9), self.upscaled - self.films
        rates = [] if self.films and not pictures else [f"{pictures / seconds:.2f} pictures/s"]
        rates += [f"{self.frames} frames of films"] if self.films else []
        return f"{counts}; {', '.join(rates)}, {self.pixels / seconds / 1e6:.2f} Mpixel/s written"


@dataclass(frozen=True)
class Failure:
    """Why a picture was not upscaled, in one line."""

    reason: str


def attempt(job: Job, work: Callable[..., Result], *arguments: object) -> Result | Failure:
    """What ``work`` returns, or why it failed: one picture's trouble, whatever it is, is not the others'."""
    try:
        return work(*arguments)
    except UserError as error:
        named = str(job.source) in str(error) or str(job.output) in str(error)
        return Failure(str(error) if named else f"{job.source}: {error}")
    except Exception as error:
        reason = " ".join(str(error).split())
        return Failure(f"{job.source} failed: {type(error).__name__} {shortened(reason)}".rstrip())


def run_jobs(jobs: Sequence[Job], loaded: Loaded, settings: RunSettings, tell: Tell) -> Summary:
    """Upscale every picture that can be.

    One picture is held read, one upscaled and one written, however many there are. Interrupted, it ends when what is being
    written is whole.

    Args:
        tell: gets what failed and what outputs do not hold, a line each.

    Raises:
        KeyboardInterrupt: with what is done in words.
    """
    summary, began = Summary(), time.perf_counter()
    with tqdm(total=len(jobs), unit="picture", desc="upscaling", disable=None) as progress:
        batch = Batch(settings, tell, summary, progress)
        try:
            batch.run(jobs, loaded)
        except KeyboardInterrupt:
            batch.settle()
            raise KeyboardInterrupt(f"{summary.upscaled} of {len(jobs)} pictures are upscaled; --resume goes on") from None
    summary.seconds = time.perf_counter() - began
    return summary


class Batch:
    """The work of :func:`run_jobs`."""

    def __init__(self, settings: RunSettings, tell: Tell, summary: Summary, progress: tqdm):
        self.settings, self.tell, self.summary, self.progress = settings, tell, summary, progress
        self.writing: list[tuple[Job, Future]] = []

    def run(self, jobs: Sequence[Job], loaded: Loaded) -> None:
        with ThreadPoolExecutor(1, "reader") as reader, ThreadPoolExecutor(1, "writer") as writer:
            reading = [reader.submit(attempt, job, self.read, job) for job in jobs[:1]]
            for index, job in enumerate(jobs):
                outcome = reading.pop().result()
                reading += [reader.submit(attempt, following, self.read, following) for following in jobs[index + 1 : index + 2]]
                if isinstance(outcome, Picture):
                    outcome = attempt(job, upscale_picture, outcome, loaded, self.settings.alpha, job.source)
                self.settle()
                if isinstance(outcome, Picture):
                    self.writing.append((job, writer.submit(attempt, job, self.write, job, outcome)))
                else:
                    self.count(job, outcome)
                del outcome
            self.settle()

    def read(self, job: Job) -> Picture | None:
        """None: the output is there, and stays."""
        if os.path.lexists(job.output):
            if self.settings.resume:
                return None
            if not self.settings.overwrite:
                raise UserError(f"{job.output} is there already; give --overwrite to replace it or --resume to skip it")
        return read_whole(job.source)

    def write(self, job: Job, picture: Picture) -> tuple[int, list[str]]:
        """How many pixels, and what they are without."""
        job.output.parent.mkdir(parents=True, exist_ok=True)
        lost = write_whole(job.output, picture, job.format, self.settings.quality)
        return sum(frame.pixels for frame in picture.frames), lost

    def settle(self) -> None:
        """Wait for what is being written."""
        while self.writing:
            [(job, future)] = self.writing
            outcome = future.result()
            self.writing.clear()  # not sooner: an interruption may come while this waits
            self.count(job, outcome)

    def count(self, job: Job, outcome: tuple[int, list[str]] | Failure | None) -> None:
        if isinstance(outcome, Failure):
            self.summary.failed += 1
            self.tell(outcome.reason)
        elif outcome is None:
            self.summary.skipped += 1
        else:
            pixels, lost = outcome
            self.summary.upscaled += 1
            self.summary.pixels += pixels
            if lost:
                self.tell(lost_line(job.source, job.output.name, lost))
        self.progress.update()


def lost_line(source: object, output: object, lost: list[str]) -> str:
    """What an output does not hold of its input, in one line."""
    return f"{source}: {output} does not keep {', '.join(lost)}"
