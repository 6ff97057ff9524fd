"""Files that are read and written: told in one sentence if that cannot be, and written whole or not at all."""

import json
import os
import re
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

from tvm_srq.errors import UserError, shortened
from tvm_srq.scratch import FULL, scratch_file

DESCRIPTOR = re.compile(r"/proc/(?:self|[0-9]+)/fd/([0-9]+)")
LONGEST_CHAIN = 40  # of links, as the kernel has it
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff", ".webp")


def require_file(path: str | Path, kind: str, hint: str) -> Path:
    """The path of an input file.

    Args:
        kind: what it should be, for people. hint: what to do instead.

    Raises:
        UserError: it is no path, or there is nothing, or a folder, or what cannot be read.
    """
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise UserError(f"{kind} {path!r} is no file name; {hint}")
    path = Path(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            path.open("rb").close()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"{kind} {shortened(path)} does not exist; {hint}") from error
    except (OSError, ValueError) as error:  # no permission; a name that is too long or has a zero in it
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{kind} {shortened(path)} cannot be read: {reason}; {hint}") from error
    if stat.S_ISDIR(mode):
        raise UserError(f"{kind} {path} is a folder; {hint}")
    if not stat.S_ISREG(mode):
        raise UserError(f"{kind} {path} is no regular file; {hint}")
    return path


class replacing:  # noqa: N801 - reads as a verb: ``with replacing(path) as temporary``
    """Write to a temporary file beside ``path`` and rename it on success, so nothing is ever half-written.

    Links are followed. What is no regular file (a device, a FIFO, standard output by its path) stays what it is: the
    content is written through to it in the end.

    Raises:
        UserError: the folder is missing or cannot be written, or the disk is full.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def __enter__(self) -> Path:
        require_folder(self.path)
        self.through = written_through(self.path)
        self.target = self.path if self.through else Path(os.path.realpath(self.path))
        folder = Path(tempfile.gettempdir()) if self.through else self.target.parent
        try:
            self.temporary, self.lock = scratch_file(folder, self.target.name)
        except OSError as error:
            raise self.told(error, "choose another folder") from error
        return self.temporary

    def __exit__(self, kind: type | None, error: BaseException | None, _: object) -> None:
        try:
            if kind is None:
                self.finish()
            elif isinstance(error, OSError) and error.errno in FULL:
                raise self.told(error, "make room") from error
        finally:
            self.temporary.unlink(missing_ok=True)
            os.close(self.lock)

    def finish(self) -> None:
        try:
            if self.through:
                with self.temporary.open("rb") as content, open_through(self.path) as output:
                    shutil.copyfileobj(content, output)
                return
            mask = os.umask(0)
            os.umask(mask)
            self.temporary.chmod(0o666 & ~mask)
            self.temporary.replace(self.target)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise self.told(error, "choose another place") from error

    def told(self, error: OSError, mend: str) -> UserError:
        return UserError(f"cannot write {shortened(self.path)}: {error.strerror}; {'make room' if error.errno in FULL else mend}")


def write_json(path: str | Path, value: Any) -> None:
    """Write a value for people to read, whole or not at all.

    Raises:
        UserError: as :class:`replacing`.
    """
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1) + "\n")


def written_through(path: str | Path) -> bool:
    """Whether a path names what is there to be written to and not to be replaced: no regular file, or an open one's number."""
    try:
        return descriptor_of(Path(path)) is not None or not stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def descriptor_of(path: Path) -> int | None:
    """The number of this process's open file that a path such as ``/dev/stdout`` stands for."""
    for _ in range(LONGEST_CHAIN):
        place = os.path.join(os.path.realpath(path.parent), path.name)
        found = DESCRIPTOR.fullmatch(place)
        if found is not None:
            own = os.path.realpath("/proc/self") + "/fd"
            return int(found[1]) if os.path.dirname(place) in (own, "/proc/self/fd") else None
        if not os.path.islink(place):
            return None
        path = Path(os.path.join(os.path.dirname(place), os.readlink(place)))
    return None


def open_through(path: Path) -> BinaryIO:
    """Open what is written through; an open file goes on where it is."""
    number = descriptor_of(path)
    if number is None:
        return path.open("wb")
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return os.fdopen(os.dup(number), "wb")


def require_folder(path: Path) -> None:
    """Raise a UserError if ``path`` cannot be written: its folder does not exist or cannot be written, or it is a folder."""
    name = shortened(path)
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:  # a name that is too long or has a zero in it; no permission
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot write {name}: {reason}; choose another name") from error
    if path.is_dir():
        raise UserError(f"cannot write {name}: it is a folder; give a file name")
    if written_through(path):
        if not os.access(path, os.W_OK):
            raise UserError(f"cannot write {name}: Permission denied; choose another file")
        return
    folder = Path(os.path.realpath(path)).parent if path.is_symlink() else path.parent
    if not folder.is_dir():
        raise UserError(f"cannot write {name}: folder {shortened(folder)} does not exist; create it first")
    if not os.access(folder, os.W_OK):
        raise UserError(f"cannot write {name}: folder {shortened(folder)} is read-only; choose another folder")


def require_other(output: str | Path, *inputs: str | Path | None) -> None:
    """Raise a UserError if an output would replace an input: the same file by whatever name, or a picture of an input folder."""
    output = Path(output)
    try:
        place = output.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        return  # there is nothing to lose
    for given in inputs:
        if given is None or not os.path.exists(given) or written_through(output):
            continue
        source = Path(given)
        if os.path.samefile(source, place):
            raise UserError(f"the output {output} is the input {source}; give the output another name")
        if source.is_dir() and place.suffix.lower() in PICTURE_SUFFIXES and source.resolve() in place.parents:
            raise UserError(f"the output {output} is a picture of the input {source}; give the output another name")
