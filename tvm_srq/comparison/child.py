"""A process with one network, so that its memory and its crashes are its own. A network in a ``.tar`` brings no PyTorch here.

The parent sends requests; the child measures itself.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tvm_srq.benchmark.frames import FrameSample, FrameTimer
from tvm_srq.benchmark.processor import processor_name
from tvm_srq.benchmark.resident import resident
from tvm_srq.errors import UserError
from tvm_srq.runtime import Session

if TYPE_CHECKING:
    from tvm_srq.graph.picture_options import PictureOptions


class RefusedError(Exception):
    """This machine does not run the network; the message says why."""


class LostError(Exception):
    """The process failed at what it was asked for, or died; the message says how."""


@dataclass(frozen=True)
class Opening:
    """How a child opens its network.

    Attributes:
        scale, picture: as tvm_srq.upscalers.load_upscaler, for a checkpoint; a ``.tar`` has its own.
    """

    path: Path
    height: int
    width: int
    threads: int
    scale: int | None = None
    picture: PictureOptions | None = None


@dataclass(frozen=True)
class Opened:
    """Seconds until the network was loaded, and from there to its first picture; what runs it."""

    load: float
    first: float
    device: str


def serve(connection: Connection, opening: Opening) -> None:
    """The child: open the network, then answer requests until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its children
    try:
        timer, device = open_timer(opening)
    except UserError as error:
        return connection.send(RefusedError(str(error)))
    except Exception as error:
        return connection.send(LostError(in_words(error)))
    connection.send(Opened(timer.load, timer.first, device))
    gc.collect()
    gc.disable()  # none of it is part of a picture
    while (request := connection.recv()) is not None:
        try:
            connection.send(answer(timer, *request))
        except Exception as error:
            connection.send(LostError(in_words(error)))


def open_timer(opening: Opening) -> tuple[FrameTimer[Any], str]:
    """A network after its first picture, and the name of what runs it."""
    size = opening.height, opening.width
    if opening.path.suffix == ".tar":
        timer = FrameTimer(lambda: Session(opening.path, opening.threads), lambda session: session.program.channels, *size)
        memory = timer.upscale.memory
        return timer, processor_name() if memory is None else str(memory.device.device_name)
    import torch

    from tvm_srq.graph.float_runner import GraphRunner
    from tvm_srq.upscalers import load_upscaler

    torch.set_num_threads(opening.threads)

    def load() -> GraphRunner:
        loaded = load_upscaler(opening.path, None, opening.scale, opening.picture).upscale
        assert isinstance(loaded, GraphRunner)
        return loaded

    return FrameTimer(load, lambda runner: runner.graph.picture.channels, *size), processor_name()


def answer(timer: FrameTimer[Any], request: str, *arguments: Any) -> Any:
    if request == "sample":
        return timer()
    return timer.upscale(*arguments) if request == "upscale" else peak_memory()


def peak_memory() -> int | None:
    """Bytes that this process took at most; None where the system does not tell."""
    try:
        return resident("VmHWM")
    except UserError:
        return None


def in_words(error: BaseException) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


class Child:
    """The parent's view of the process.

    Raises:
        RefusedError: this machine does not run the network.
        LostError: opening it failed.
    """

    def __init__(self, opening: Opening):
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other, opening), daemon=True)
        self.process.start()
        other.close()
        try:
            self.opened: Opened = self.received()
        except BaseException:
            self.close()
            raise

    def sample(self) -> FrameSample:
        """One picture's times. Raises LostError."""
        return self.asked("sample")

    def upscale(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, channels) uint8 -> the network's result. Raises LostError."""
        return self.asked("upscale", picture)

    def peak_memory(self) -> int | None:
        """Bytes that the process took at most, so far. Raises LostError."""
        return self.asked("memory")

    def asked(self, *request: Any) -> Any:
        try:
            self.connection.send(request)
        except OSError as error:
            raise self.death() from error
        return self.received()

    def received(self) -> Any:
        try:
            value = self.connection.recv()
        except (EOFError, OSError) as error:
            raise self.death() from error
        if isinstance(value, RefusedError | LostError):
            raise value
        return value

    def death(self) -> LostError:
        self.process.join(5)
        code = self.process.exitcode
        how = signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
        return LostError(f"its process died ({how})")

    def close(self) -> None:
        """End the process."""
        with suppress(OSError):  # it may have died
            self.connection.send(None)
        self.connection.close()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
