"""A compiled network as its user sees it: pictures in, pictures out."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from tvm_srq.runtime import Session

Upscaler = TypeVar("Upscaler", bound=Callable[[NDArray[np.uint8]], NDArray[np.uint8]])


class FrameSample(NamedTuple):
    """One picture: seconds of CPU time of all threads, and of wall time."""

    cpu: float
    wall: float


class FrameTimer(Generic[Upscaler]):
    """A network that is opened and has made its first picture; then one picture is timed at every call.

    Args:
        open_network: gives what upscales, called with (height, width, channels) uint8.
        channels: of its pictures.

    Attributes:
        load, first: seconds to open it, and from there to the first result.
    """

    def __init__(
        self, open_network: Callable[[], Upscaler], channels: Callable[[Upscaler], int], height: int, width: int
    ) -> None:
        begin = time.perf_counter()
        self.upscale = open_network()
        loaded = time.perf_counter()
        self.picture = sample_picture(height, width, channels(self.upscale))
        start = time.perf_counter()
        self.upscale(self.picture)
        self.load, self.first = loaded - begin, time.perf_counter() - start

    def __call__(self) -> FrameSample:
        start, start_wall = time.process_time(), time.perf_counter()
        self.upscale(self.picture)
        return FrameSample(time.process_time() - start, time.perf_counter() - start_wall)


@dataclass(frozen=True)
class FrameTimes:
    """Of pictures of one size.

    Attributes:
        load, first: seconds from the file to a session, and from there to the first result.
        cpu, wall: seconds of each later picture; CPU time is of all threads.
        memory: bytes of the block that holds all feature maps.
    """

    load: float
    first: float
    cpu: tuple[float, ...]
    wall: tuple[float, ...]
    memory: int


def sample_picture(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    """(height, width, channels) of seeded noise; kernels take the same time for any picture."""
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)


def time_frames(path: str | Path, height: int, width: int, rounds: int, threads: int) -> tuple[Session, FrameTimes]:
    """Load an artifact and run ``rounds`` pictures through it.

    Raises:
        UserError: as tvm_srq.runtime.Session.
    """
    timer = FrameTimer(lambda: Session(path, threads), lambda session: session.program.channels, height, width)
    samples = [timer() for _ in range(rounds)]
    cpu, wall = (tuple(sample[index] for sample in samples) for index in (0, 1))
    memory = timer.upscale.prepare(height, width).size
    return timer.upscale, FrameTimes(timer.load, timer.first, cpu, wall, memory)


def describe_frames(session: Session, times: FrameTimes, height: int, width: int, threads: int) -> list[str]:
    """Lines for people."""
    pixels = height * width * session.scale**2
    cpu, wall = statistics.median(times.cpu), statistics.median(times.wall)
    return [
        f"{height}x{width} -> {height * session.scale}x{width * session.scale}, target {session.manifest['target']}, "
        f"{threads} thread{'s'[: threads > 1]}, median of {len(times.wall)} pictures",
        f"CPU time {1e3 * cpu:.1f} ms, wall time {1e3 * wall:.1f} ms, {1e9 * cpu / pixels:.1f} ns of CPU time per output pixel",
        f"load {1e3 * times.load:.0f} ms, first picture {1e3 * times.first:.0f} ms, feature maps {times.memory / 1e6:.1f} MB",
    ]
