"""Built models, kept in a folder by what went into them."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from peers.task import Task

REPOSITORY = Path(__file__).parents[2]
PEERS = ("networks.py", "folding.py", "float_module.py", "convolutions.py")
NETWORKS = ("graph", "operators", "models", "networks.py")
DEPLOYED = [*(Path(__file__).with_name(name) for name in PEERS), *(REPOSITORY / "tvm_srq" / name for name in NETWORKS)]
"""Code that changes what every peer is given."""


def digest_files(*paths: Path) -> str:
    """Hex digest of files, and of all Python files under folders."""
    total = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def cached_folder(
    task: Task, name: str, make: Callable[[Path], None], *parts: str, calibrated: bool = False, sources: tuple[str, ...] = ()
) -> Path:
    """The folder that ``make(folder)`` filled, now or in an earlier run with the same content; never half-filled.

    The content is the network's weights and scale, ``parts`` (versions, settings), the calibration pictures if ``calibrated``,
    and the code: the file that defines ``make`` and files of this package named in ``sources``.
    """
    code = [Path(make.__code__.co_filename), *DEPLOYED, *(Path(__file__).with_name(file) for file in sources)]
    content = (digest_files(task.checkpoint, *(task.calibration if calibrated else ()), *code), f"scale {task.scale}", *parts)
    folder = task.cache / f"{name}-{hashlib.sha256(chr(0).join(content).encode()).hexdigest()[:16]}"
    if not folder.is_dir():
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=task.cache))
        try:
            make(temporary)
            temporary.replace(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return folder
