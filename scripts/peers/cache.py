"""Built models, kept in a folder by what went into them."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from peers.task import Task


def digest(task: Task, *parts: str, calibrated: bool = False) -> str:
    """Hex digest of the network's weights, of ``parts`` (versions, settings) and, if ``calibrated``, of the pictures."""
    total = hashlib.sha256()
    for path in (task.checkpoint, *(task.calibration if calibrated else ())):
        total.update(hashlib.sha256(path.read_bytes()).digest())
    total.update("\0".join(parts).encode())
    return total.hexdigest()[:16]


def cached_folder(task: Task, name: str, make: Callable[[Path], None], *parts: str, calibrated: bool = False) -> Path:
    """The folder that ``make(folder)`` filled, now or in an earlier run with the same content; never half-filled."""
    folder = task.cache / f"{name}-{digest(task, *parts, calibrated=calibrated)}"
    if not folder.is_dir():
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=task.cache))
        try:
            make(temporary)
            temporary.replace(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return folder
