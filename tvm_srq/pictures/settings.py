"""How pictures are to be upscaled and written."""

from dataclasses import dataclass

from tvm_srq.checks import require_number
from tvm_srq.errors import UserError
from tvm_srq.pictures.formats import require_format

ALPHA = ("bicubic", "network", "drop")


@dataclass(frozen=True)
class RunSettings:
    """What ``run`` is told.

    Attributes:
        alpha: how it is upscaled; "drop": not at all, and the picture is opaque.
        format: as a suffix, ``png`` or ``.png``; None: the output's, in a folder the input's.
        quality: 1 to 100, of the formats that have one.
        suffix: added to the names of outputs in a folder, before the format's.
        recursive: folders inside folders too.
        overwrite: outputs in a folder that are there are replaced; resume: they are skipped. Otherwise the picture fails.

    Raises:
        UserError: a value is none of these.
    """

    alpha: str = "bicubic"
    format: str | None = None
    quality: int | None = None
    suffix: str = ""
    recursive: bool = False
    overwrite: bool = False
    resume: bool = False

    def __post_init__(self) -> None:
        if self.alpha not in ALPHA:
            raise UserError(f"alpha {self.alpha!r} is none of {', '.join(ALPHA)}")
        if self.format is not None:
            require_format(self.format)
        if self.quality is not None:
            require_number("quality", self.quality, 1, 100)
        if "/" in self.suffix or "\0" in self.suffix:
            raise UserError(f"suffix {self.suffix!r} is no part of a file name; name folders by -o")
        if self.overwrite and self.resume:
            raise UserError("overwrite replaces outputs that are there and resume skips them; give one of the two")


DEFAULTS = RunSettings()
