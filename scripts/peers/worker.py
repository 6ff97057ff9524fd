"""One process per peer, so that no runtime's threads, memory or crash touches another's figures.

The parent sends pictures to run; the child measures itself.
"""

import gc
import importlib
import multiprocessing
import os
import sys
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peers.task import Peer, PeerUnavailableError, Task

BUSY, LEAST_TICKS = 0.05, 5  # a thread counts if it takes this share of its process's CPU time, and so many clock ticks


@dataclass(frozen=True)
class Sample:
    """One picture: CPU seconds of the whole process, wall seconds."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Ready:
    """A built peer: its output for the picture, what it is, and how long building took in seconds."""

    output: NDArray[np.uint8]
    version: str
    note: str
    build_seconds: float


def thread_ticks() -> dict[str, int]:
    """CPU ticks (user and system) of every thread of this process."""
    ticks = {}
    for path in Path("/proc/self/task").iterdir():
        try:
            fields = (path / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:  # a thread that just ended
            continue
        ticks[path.name] = int(fields[11]) + int(fields[12])
    return ticks


def busy_threads(before: dict[str, int], after: dict[str, int]) -> int:
    """How many threads did a noticeable share of the work between two counts."""
    spent = [count - before.get(name, 0) for name, count in after.items()]
    return sum(count > max(BUSY * sum(spent), LEAST_TICKS) for count in spent)


def serve(connection: Connection, peer: Peer, task: Task, picture: NDArray[np.uint8]) -> None:
    """The child: build the peer, answer with Ready or a reason, then with a Sample for every message until None."""
    os.dup2(2, 1)  # converters print; standard output is the parent's table
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment] # OpenVINO and NNCF report to nobody without it
    start = time.perf_counter()
    try:
        built = getattr(importlib.import_module(peer.module), peer.function)(task, *peer.arguments)
        output = np.array(built.upscale(picture))
        expected = (picture.shape[0] * task.scale, picture.shape[1] * task.scale, 3)
        if output.shape != expected or output.dtype != np.uint8:
            raise PeerUnavailableError(f"gave {output.shape} {output.dtype} instead of {expected} uint8")
    except PeerUnavailableError as error:
        return connection.send(str(error))
    except ModuleNotFoundError as error:
        return connection.send(f"not installed ({error.name})")
    except Exception as error:
        traceback.print_exc()
        return connection.send(f"failed: {type(error).__name__}: {(str(error).splitlines() or [''])[0][:160]}")
    connection.send(Ready(output, built.version, built.note, time.perf_counter() - start))
    built.upscale(picture)
    gc.collect()
    gc.disable()
    before = thread_ticks()
    while connection.recv() == "run":
        cpu, wall = time.process_time(), time.perf_counter()
        built.upscale(picture)
        connection.send(Sample(time.process_time() - cpu, time.perf_counter() - wall))
    connection.send(busy_threads(before, thread_ticks()))


class Worker:
    """The parent's view of a peer's process."""

    def __init__(self, peer: Peer, task: Task, picture: NDArray[np.uint8]):
        context = multiprocessing.get_context("spawn")
        self.connection, child = context.Pipe()
        self.process = context.Process(target=serve, args=(child, peer, task, picture), name=peer.name, daemon=True)
        self.process.start()
        child.close()

    def ready(self, timeout: float) -> Ready | str:
        """Wait until the peer is built: Ready, or why it is not."""
        if not self.connection.poll(timeout):
            self.stop()
            return f"not built within {timeout:.0f} s"
        try:
            return self.connection.recv()
        except EOFError:
            self.process.join()
            return f"its process died (exit code {self.process.exitcode})"

    def sample(self) -> Sample:
        self.connection.send("run")
        return self.connection.recv()

    def finish(self) -> int:
        """End the process; the number of threads that worked."""
        self.connection.send("end")
        busy = self.connection.recv()
        self.stop()
        return busy

    def stop(self) -> None:
        self.connection.close()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def limit_threads(threads: int) -> None:
    """Set the environment that children's thread pools read when they are imported."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TVM_NUM_THREADS")
    os.environ.update({name: str(threads) for name in names})
