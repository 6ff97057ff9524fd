"""How films are to be encoded, and which part of them."""

import math
from dataclasses import dataclass
from fractions import Fraction

from tvm_srq.errors import UserError

LARGEST_CRF = 63


@dataclass(frozen=True)
class FilmSettings:
    """What ``run`` is told of films.

    Attributes:
        codec: the encoder, FFmpeg's name; None: what the output's format takes (formats.CONTAINERS).
        crf: constant quality, 0 to 63, less is better; None: the encoder's (formats.CODECS).
        options: of the encoder, FFmpeg's names and values.
        start, end: seconds from the film's beginning; None: from there, to the end.

    Raises:
        UserError: a value is none of these.
    """

    codec: str | None = None
    crf: float | None = None
    options: tuple[tuple[str, str], ...] = ()
    start: float | None = None
    end: float | None = None

    def __post_init__(self) -> None:
        if self.crf is not None and not (math.isfinite(self.crf) and 0 <= self.crf <= LARGEST_CRF):
            raise UserError(f"crf must be a number from 0 to {LARGEST_CRF}, not {self.crf}")
        for name, value in (("start", self.start), ("end", self.end)):
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise UserError(f"{name} must be a number of seconds from 0 on, not {value}")
        if self.end is not None and self.end <= (self.start or 0):
            raise UserError(f"the film ends at {self.end} s, not after it starts at {self.start or 0} s; give a larger end")

    @property
    def given(self) -> list[str]:
        """The options that are told, as the command has them."""
        told = {
            "codec": self.codec, "crf": self.crf, "encoder-option": self.options or None, "start": self.start, "end": self.end,
        }  # fmt: skip
        return [name for name, value in told.items() if value is not None]

    def window(self, origin: Fraction) -> tuple[Fraction | None, Fraction | None]:
        """Start and end as times of a film whose beginning is at ``origin``, exactly as their decimals say."""
        start, end = (None if value is None else origin + Fraction(str(value)) for value in (self.start, self.end))
        return start, end


def parse_option(text: str) -> tuple[str, str]:
    """``KEY=VALUE`` as a pair.

    Raises:
        UserError: it is no such text.
    """
    key, equals, value = text.partition("=")
    if not (key and equals and value):
        raise UserError(f"encoder option {text!r} is not of the form KEY=VALUE, such as preset=slow")
    return key, value
