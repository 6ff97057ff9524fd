"""Training that survives being ended: its state is kept in a file, and the next run of the same command goes on from there.

The result is bit for bit that of a run that was never ended: all that changes in training is in the file, and a key tells whether
the file belongs to the very same computation.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from tqdm import tqdm

from tvm_srq.errors import UserError
from tvm_srq.quant.training.state_file import StateError, fingerprint, load_state, save_state

INTERVAL = 20.0  # seconds between two states at least
LEAST_RATIO = 50  # of the time between them to what saving one takes: no more than 2 % goes into it


@dataclass(kw_only=True)
class Training:
    """What changes while something is trained; subclasses add it as fields.

    A field is a module, optimizer, scheduler or generator, a list of such, or a nested value of tensors and JSON values.

    Attributes:
        step: how many steps have been made.
    """

    step: int = 0

    def state_dict(self) -> dict[str, Any]:
        return {field.name: captured(getattr(self, field.name)) for field in fields(self)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for field in fields(self):
            setattr(self, field.name, restored(getattr(self, field.name), state[field.name]))


def captured(value: Any) -> Any:
    if isinstance(value, torch.Generator):
        return value.get_state()
    if isinstance(value, list):
        return [captured(item) for item in value]
    return value.state_dict() if hasattr(value, "state_dict") else value


def restored(current: Any, state: Any) -> Any:
    """``current`` brought to ``state``; the state itself if it is a plain value."""
    if isinstance(current, torch.Generator):
        return current.set_state(state)
    if isinstance(current, list) and current and hasattr(current[0], "load_state_dict"):
        return [restored(*pair) for pair in zip(current, state, strict=True)]
    if not hasattr(current, "load_state_dict"):
        return state
    current.load_state_dict(state)
    return current


class Interruption:
    """While it is entered, a first Ctrl-C is noted instead of raised, so that no step ends halfway; a second one is raised."""

    noted = False

    def __enter__(self) -> Interruption:
        self.handles = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # and not, say, ignored
        try:
            if self.handles:
                signal.signal(signal.SIGINT, self.note)
        except ValueError:  # only the main thread may
            self.handles = False
        return self

    def note(self, number: int, frame: FrameType | None) -> None:
        self.noted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def __exit__(self, *_: object) -> None:
        if self.handles:
            signal.signal(signal.SIGINT, signal.default_int_handler)


class Progress:
    """Where the state of a training is kept.

    Args:
        path: the file; None: nowhere.
    """

    def __init__(self, path: str | Path | None = None):
        self.path = None if path is None else Path(path)
        self.used = self.warned = False

    @contextmanager
    def steps(self, training: Training, total: int, origin: Any, description: str) -> Iterator[Iterator[int]]:
        """The numbers of the steps still to be made, up to ``total``.

        Args:
            training: brought to the state in the file, if the file is of the same ``origin``.
            origin: everything the result depends on, as a nested value (quant.training.state_file).
            description: for the progress bar.

        Raises:
            KeyboardInterrupt: after the end of a step and with the state kept, if Ctrl-C was pressed.
        """
        if self.path is None:
            yield iter(tqdm(range(training.step, total), description, disable=None))
            return
        self.used = True
        key = fingerprint(origin)
        self.resume(self.path, key, training, total)
        with Interruption() as interruption:
            yield self.kept_steps(self.path, key, training, total, description, interruption)

    def kept_steps(
        self, path: Path, key: str, training: Training, total: int, description: str, interruption: Interruption
    ) -> Iterator[int]:
        due = time.monotonic() + INTERVAL
        for step in tqdm(range(training.step, total), description, total, initial=training.step, disable=None):
            yield step
            training.step = step + 1
            started = time.monotonic()
            if not interruption.noted and started < due:
                continue
            saved = self.save(path, key, training)
            if interruption.noted:
                hint = (f"the same command goes on from step {training.step} of {total}, kept in {path}",) if saved else ()
                raise KeyboardInterrupt(*hint)
            now = time.monotonic()
            due = now + max(INTERVAL, LEAST_RATIO * (now - started))

    def resume(self, path: Path, key: str, training: Training, total: int) -> None:
        try:
            training.load_state_dict(load_state(path, key))
            print(f"going on from step {training.step} of {total}, kept in {path}", file=sys.stderr)
        except FileNotFoundError:
            pass
        except StateError as error:
            print(f"{path} {error}; it is not used, and will be overwritten", file=sys.stderr)

    def save(self, path: Path, key: str, training: Training) -> bool:
        """Whether it could be written; if not, that is told once and training goes on."""
        try:
            save_state(path, key, training.state_dict())
            return True
        except (UserError, OSError) as error:
            if not self.warned:
                print(f"the state of finetuning is not kept: {error}", file=sys.stderr)
            self.warned = True
            return False

    def finish(self) -> None:
        """The result is safe: the file, if it was this training's, is of no more use."""
        if self.path is not None and self.used:
            self.path.unlink(missing_ok=True)
