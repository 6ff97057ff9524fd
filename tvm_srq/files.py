"""Writing files whole or not at all."""

import os
import tempfile
from pathlib import Path

from tvm_srq.errors import UserError


class replacing:  # noqa: N801 - reads as a verb: ``with replacing(path) as temporary``
    """Write to a temporary file beside ``path`` and rename it on success, so nothing is ever half-written."""

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def __enter__(self) -> Path:
        require_folder(self.path)
        handle, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        os.close(handle)
        self.temporary = Path(name)
        return self.temporary

    def __exit__(self, kind: type | None, *_: object) -> None:
        if kind is not None:
            self.temporary.unlink(missing_ok=True)
            return
        mask = os.umask(0)
        os.umask(mask)
        self.temporary.chmod(0o666 & ~mask)
        self.temporary.replace(self.path)


def require_folder(path: Path) -> None:
    """Raise a UserError if ``path`` lies in a folder that does not exist."""
    if not path.parent.is_dir():
        raise UserError(f"cannot write {path}: folder {path.parent} does not exist; create it first")
    if path.is_dir():
        raise UserError(f"cannot write {path}: it is a folder; give a file name")
