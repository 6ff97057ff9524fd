"""A child process that reads one file after the other, with an end to its memory and its time."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tvm_srq.errors import UserError

SECONDS = 5
BYTES = 1 << 30  # above what the process has when it begins
CASES = 300  # that one child reads: what they leave behind does not add up
FRAMES = ("/tvm_srq/", "/relay_passes/", "/schedules/")


class Outcome(NamedTuple):
    """What became of one file.

    Attributes:
        kind: ``ok``, ``refused`` (a UserError), ``traceback``, ``hang``, ``memory``, ``crash`` or ``left`` (files behind).
        detail: the sentence of a refusal; else the exception and the line of this project that it came from.
    """

    kind: str
    detail: str = ""


class Worker:
    """Runs ``read`` on files in a child, which is forked anew where it died, hung or has read many.

    Args:
        read: raises UserError for what it refuses.
    """

    def __init__(self, read: Callable[[Path], object]):
        self.read, self.process, self.count = read, 0, 0

    def __call__(self, path: Path) -> Outcome:
        if self.process == 0 or self.count >= CASES:
            self.close()
            self.start()
        self.count += 1
        os.write(self.to_child, f"{path}\n".encode())
        if not select.select([self.from_child], [], [], SECONDS)[0]:
            os.kill(self.process, signal.SIGKILL)
            self.close()
            return Outcome("hang", f"over {SECONDS} s")
        answer = b""
        while not answer.endswith(b"\n"):
            part = os.read(self.from_child, 1 << 16)
            if not part:
                return Outcome("crash", self.close())
            answer += part
        return Outcome(*json.loads(answer))

    def start(self) -> None:
        requests, self.to_child = os.pipe()
        self.from_child, answers = os.pipe()
        sys.stdout.flush()
        self.process, self.count = os.fork(), 0
        if self.process == 0:
            os.close(self.to_child)
            os.close(self.from_child)
            serve(self.read, requests, answers)
        os.close(requests)
        os.close(answers)

    def close(self) -> str:
        """How the child ended."""
        if self.process == 0:
            return ""
        os.close(self.to_child)
        _, status = os.waitpid(self.process, 0)
        os.close(self.from_child)
        self.process = 0
        return f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit code {os.waitstatus_to_exitcode(status)}"


def serve(read: Callable[[Path], object], requests: int, answers: int) -> None:
    """The child: a line with a path comes in, a line with an outcome goes out."""
    silence = os.open(os.devnull, os.O_WRONLY)  # libraries write of damaged files what they like
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, used + BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with os.fdopen(requests) as lines:
        for line in lines:
            path = Path(line.rstrip("\n"))
            before = set(os.listdir(path.parent))
            outcome = outcome_of(read, path)
            left = set(os.listdir(path.parent)) - before
            if left and outcome.kind == "refused":
                outcome = Outcome("left", ", ".join(sorted(left)))
            os.write(answers, json.dumps(outcome).encode() + b"\n")
    os._exit(0)


def outcome_of(read: Callable[[Path], object], path: Path) -> Outcome:
    try:
        read(path)
    except BaseException as error:
        if any(map(is_memory, chain(error))):
            return Outcome("memory", place_of(error))
        if isinstance(error, UserError):
            sentence = str(error)
            if "\n" in sentence or len(sentence) > 4000:
                return Outcome("traceback", f"no sentence: {sentence[:200]!r}")
            return Outcome("refused", sentence)
        return Outcome("traceback", place_of(error))
    return Outcome("ok")


def chain(error: BaseException | None) -> list[BaseException]:
    """An exception and those that it came from: a refusal may have been made of a lack of memory."""
    found = []
    while error is not None and len(found) < 20:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def is_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "allocate memory" in str(error) or "bad_alloc" in str(error)


def place_of(error: BaseException) -> str:
    """An exception's kind and the innermost line of this project that it came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if any(part in frame.filename for part in FRAMES)]
    at = f"{Path(frames[-1].filename).name}:{frames[-1].lineno} {frames[-1].name}" if frames else "elsewhere"
    return f"{type(error).__name__} at {at}: {str(error)[:120]!r}"
