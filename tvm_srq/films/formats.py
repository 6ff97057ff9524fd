"""What files are taken for films, and how films are written. Needs no PyAV."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from tvm_srq.errors import UserError

READ = (
    ".mp4", ".mkv", ".mov", ".webm", ".avi", ".m4v", ".3gp", ".flv", ".m2ts", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".vob",
    ".wmv",
)  # fmt: skip
"""Suffixes that are taken for films."""


@dataclass(frozen=True)
class Container:
    """A file format that films are written in.

    Attributes:
        name: FFmpeg's.
        codec: the encoder unless another is asked for.
        any_times: frames may come at any time; otherwise they are numbered at a constant rate.
    """

    name: str
    codec: str = "libx264"
    any_times: bool = True


CONTAINERS = {
    ".mp4": Container("mp4"), ".m4v": Container("mp4"), ".mkv": Container("matroska"), ".mov": Container("mov"),
    ".webm": Container("webm", "libvpx-vp9"), ".avi": Container("avi", "mpeg4", any_times=False),
}  # fmt: skip
OTHERS_BECOME = ".mkv"  # in a folder, films of formats that are only read


@dataclass(frozen=True)
class Codec:
    """How an encoder is called unless it is told otherwise.

    Attributes:
        crf: its constant quality, near transparent; None: it has no such option.
        options: further ones, FFmpeg's names.
    """

    crf: int | None = None
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


CODECS = {
    "libx264": Codec(18), "libx265": Codec(20, {"x265-params": "log-level=error"}), "libsvtav1": Codec(24),
    "libvpx-vp9": Codec(24, {"b": "0", "row-mt": "1"}), "libvpx": Codec(10, {"b": "0"}),
    "mpeg4": Codec(None, {"flags": "+qscale", "global_quality": "354"}),  # a quantizer of 3 in units of 1 / 118
}  # fmt: skip
"""What encoders do without options is not what people want: libvpx-vp9 and mpeg4 aim at 200 kbit/s."""


def is_film(path: str | Path) -> bool:
    """Whether a file is taken for a film, by its suffix."""
    return Path(path).suffix.lower() in READ


def container_of(path: str | Path, form: str | None = None) -> Container:
    """The format of a film that is to be written: that of a suffix ``form``, ``mkv`` or ``.mkv``, or the path's own.

    Raises:
        UserError: the suffix names none.
    """
    suffix = Path(path).suffix if form is None else f".{form.removeprefix('.')}"
    if suffix.lower() not in CONTAINERS:
        raise UserError(f"cannot write {path}: {suffix or 'no suffix'} names no film format; use {', '.join(CONTAINERS)}")
    return CONTAINERS[suffix.lower()]
