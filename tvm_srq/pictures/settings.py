"""How pictures and films are to be upscaled and written."""

from dataclasses import dataclass

from tvm_srq.checks import require_number
from tvm_srq.errors import UserError
from tvm_srq.films.formats import CONTAINERS
from tvm_srq.films.settings import FilmSettings
from tvm_srq.pictures.formats import require_format

ALPHA = ("bicubic", "network", "drop")


@dataclass(frozen=True)
class RunSettings:
    """What ``run`` is told.

    Attributes:
        alpha: how it is upscaled; "drop": not at all, and the picture is opaque.
        format: as a suffix, ``png`` or ``.png``, of pictures or of films; None: the output's, in a folder the input's.
        quality: 1 to 100, of the formats that have one.
        suffix: added to the names of outputs in a folder, before the format's.
        recursive: folders inside folders too.
        overwrite: outputs in a folder that are there are replaced; resume: they are skipped, and films that were
            interrupted go on. Otherwise the picture or film fails.
        film: how films are encoded, and which part of them.

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
    film: FilmSettings = FilmSettings()

    def __post_init__(self) -> None:
        if self.alpha not in ALPHA:
            raise UserError(f"alpha {self.alpha!r} is none of {', '.join(ALPHA)}")
        if self.format is not None and not self.format_of_films:
            require_format(self.format)
        if self.quality is not None:
            require_number("quality", self.quality, 1, 100)
        if "/" in self.suffix or "\0" in self.suffix:
            raise UserError(f"suffix {self.suffix!r} is no part of a file name; name folders by -o")
        if self.overwrite and self.resume:
            raise UserError("overwrite replaces outputs that are there and resume skips them; give one of the two")

    @property
    def format_of_films(self) -> bool:
        """Whether the format is one of films."""
        return self.format is not None and f".{self.format.removeprefix('.')}".lower() in CONTAINERS

    def require_used(self, pictures: bool, films: bool) -> None:
        """Raise a UserError if something is told that says nothing of what there is: pictures, films, or both."""
        of_pictures = {
            "alpha": self.alpha != "bicubic", "quality": self.quality is not None,
            f"format {self.format}": self.format is not None and not self.format_of_films,
        }  # fmt: skip
        of_films = [*self.film.given, *([f"format {self.format}"] if self.format_of_films else [])]
        if of_films and not films:
            raise UserError(f"{' and '.join(of_films)} is for films, and no input is one; leave it out")
        told = [name for name, given in of_pictures.items() if given]
        if told and not pictures:
            raise UserError(f"{' and '.join(told)} is for pictures, and no input is one; leave it out (films: --codec, --crf)")


DEFAULTS = RunSettings()
