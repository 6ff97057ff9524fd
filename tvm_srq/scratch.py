"""Temporary files and folders of one's own.

Each is locked for as long as it is in use, so those that a killed process left are known by their missing lock, and the next one
that wants the same removes them.
"""

import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tvm_srq.errors import UserError

SUFFIX = ".tvm-srq"
STALE_SECONDS = 60.0  # younger ones may be about to be locked
FULL = (errno.ENOSPC, errno.EDQUOT)


def lock(path: Path) -> int:
    """Lock a file or folder; the descriptor to close when it is no longer in use."""
    descriptor = os.open(path, os.O_RDONLY)
    with suppress(OSError):  # a file system without locks
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def scratch_file(folder: Path, name: str) -> tuple[Path, int]:
    """A new empty file for what will be ``name``, and its lock.

    Raises:
        OSError: the folder does not take it.
    """
    prefix = scratch_prefix(name)
    remove_stale(folder, prefix)
    handle, path = tempfile.mkstemp(prefix=prefix, suffix=SUFFIX, dir=folder)
    os.close(handle)
    return Path(path), lock(Path(path))


def scratch_prefix(name: str) -> str:
    """Of temporary names; short, for a name may be as long as the file system allows."""
    return f".{name[:40]}."


@contextmanager
def scratch_folder(parent: Path | None = None, name: str = "work") -> Iterator[Path]:
    """A new folder, removed at the end; in the folder for temporary files unless ``parent`` is given.

    Raises:
        UserError: there is no room for it or in it, or no such folder.
    """
    try:
        parent = Path(tempfile.gettempdir()) if parent is None else parent
        remove_stale(parent, scratch_prefix(name))
        folder = Path(tempfile.mkdtemp(prefix=scratch_prefix(name), suffix=SUFFIX, dir=parent))
    except OSError as error:
        raise UserError(f"cannot write temporary files: {error.strerror}; make room, or name a folder by TMPDIR") from error
    held = lock(folder)
    try:
        yield folder
    except OSError as error:
        if error.errno in FULL:
            raise UserError(f"cannot write temporary files in {parent}: {error.strerror}; make room") from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def remove_stale(folder: Path, prefix: str) -> None:
    """Remove what killed processes of this user left in a folder under such names."""
    with suppress(OSError):
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(prefix) and entry.name.endswith(SUFFIX)]
        for name in names:
            with suppress(OSError):  # gone, or in use: BlockingIOError
                remove_if_stale(folder / name)


def remove_if_stale(path: Path) -> None:
    """Remove a file or folder of this user's that nobody holds.

    Raises:
        OSError: somebody does.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() or time.time() - status.st_mtime < STALE_SECONDS:
            return
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    finally:
        os.close(descriptor)
