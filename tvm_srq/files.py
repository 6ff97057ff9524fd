"""Writing files whole or not at all."""

import errno
import os
import tempfile
from pathlib import Path

from tvm_srq.errors import UserError


def require_file(path: str | Path, kind: str, hint: str) -> Path:
    """The path of an input file.

    Args:
        kind: what it should be, for people. hint: what to do instead.

    Raises:
        UserError: there is nothing, or a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{kind} {path} is a folder; {hint}")
    if not path.is_file():
        raise UserError(f"{kind} {path} does not exist; {hint}")
    return path


class replacing:  # noqa: N801 - reads as a verb: ``with replacing(path) as temporary``
    """Write to a temporary file beside ``path`` and rename it on success, so nothing is ever half-written.

    Raises:
        UserError: the folder is missing or cannot be written, or the disk is full.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def __enter__(self) -> Path:
        require_folder(self.path)
        try:
            handle, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {error.strerror}; choose another folder") from error
        os.close(handle)
        self.temporary = Path(name)
        return self.temporary

    def __exit__(self, kind: type | None, error: BaseException | None, _: object) -> None:
        if kind is not None:
            self.temporary.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise UserError(f"cannot write {self.path}: {error.strerror}; make room") from error
            return
        mask = os.umask(0)
        os.umask(mask)
        self.temporary.chmod(0o666 & ~mask)
        self.temporary.replace(self.path)


def require_folder(path: Path) -> None:
    """Raise a UserError if ``path`` lies in a folder that does not exist or cannot be written, or is one."""
    if not path.parent.is_dir():
        raise UserError(f"cannot write {path}: folder {path.parent} does not exist; create it first")
    if path.is_dir():
        raise UserError(f"cannot write {path}: it is a folder; give a file name")
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"cannot write {path}: folder {path.parent} is read-only; choose another folder")
