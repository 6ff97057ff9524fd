"""What users say of how a network wants its pictures, and from where it is known, where files do not tell."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

from tvm_srq.errors import UserError
from tvm_srq.graph.graph import PictureFormat

FROM_NETWORK, GIVEN, ASSUMED = "from the network", "given", "assumed"
"""Where something is known from."""
CHANNELS = {"rgb": 3, "bgr": 3, "grey": 1}
"""Of pictures, by the name of their colours."""
Fact = tuple[str, str]
"""Something known of a network's pictures, in words, and from where."""


@dataclass(frozen=True)
class PictureOptions:
    """How a network wants its pictures; what is None is as most networks have it.

    Attributes:
        white: its input for a pixel of 255, black being 0; 1 if left out.
        colours: "rgb", "bgr" (blue first, at both ends), or "grey" (one channel); rgb or grey if left out, by its channels.
        mean: red, green and blue, or one grey, in values of its input: what it wants subtracted from pictures, and added to
            what comes out; nothing if left out.
        output_range: its output for black and white, after a mean is added; 0 and ``white`` if left out.
    """

    white: float | None = None
    colours: str | None = None
    mean: tuple[float, ...] | None = None
    output_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Raises UserError for what no network can have."""
        if self.white is not None and not (math.isfinite(self.white) and self.white > 0):
            raise UserError(f"white is the network's input for a white pixel, a positive number like 1 or 255, not {self.white}")
        if self.colours not in (None, *CHANNELS):
            raise UserError(f"colours {self.colours!r} are none of {', '.join(CHANNELS)}")
        if self.output_range is not None:
            if len(self.output_range) != 2 or not all(map(math.isfinite, self.output_range)):
                raise UserError(f"the output's range is two numbers, black and white, not {listed(self.output_range)}")
            if not self.output_range[0] < self.output_range[1]:
                raise UserError(f"the output's range goes from black up to white, not from {listed(self.output_range, ' to ')}")
            if self.mean is not None and self.output_range[0] != 0:
                raise UserError(
                    f"a mean is added to an output whose black is 0, not {self.output_range[0]:g}: leave the mean out, or give "
                    "the output's range as it is after the mean is added"
                )

    @property
    def given(self) -> tuple[str, ...]:
        """What is not left out, in words."""
        return tuple(field.name.replace("_", " ") for field in fields(self) if getattr(self, field.name) is not None)

    def format(self, name: str, channels: int, white: float | None = None) -> PictureFormat:
        """The format of a network's pictures, colours red first: :func:`tvm_srq.graph.sources.around.around` does the rest.

        Args:
            name: of the network, for messages.
            channels: that it takes.
            white: its input for a white pixel, if the file tells.

        Raises:
            UserError: the options say something that this network, or what else is said, contradicts.
        """
        if channels != CHANNELS.get(self.colours or "", channels):
            wanted = "grey pictures (1 channel)" if channels == 1 else "pictures of 3 colours"
            raise UserError(f"{name} takes {wanted}: colours cannot be {self.colours}, leave them out")
        if None not in (white, self.white) and white != self.white:
            raise UserError(f"{name} takes bytes, where white is 255 and not {self.white:g}: leave it out")
        whole = float(white or self.white or 1.0)
        self.check_mean(name, channels, whole)
        black, brightest = self.output_range or (0.0, self.white or 1.0)
        ends = float(black), float(brightest)
        order = {1: "grey", 3: "blue first" if self.colours == "bgr" else "red first"}[channels]
        facts = [
            (f"white is {whole:g}", FROM_NETWORK if white else origin(self.white)),
            (order, FROM_NETWORK if channels == 1 else origin(self.colours)),
            ("no mean" if self.mean is None else f"mean {listed(self.mean)}", origin(self.mean)),
            (f"output {listed(ends, ' to ')}", origin(self.output_range)),
        ]
        return PictureFormat(channels, whole, ends, in_words(facts))

    def check_mean(self, name: str, channels: int, white: float) -> None:
        """Raises UserError for a mean that is no colour."""
        if self.mean is None:
            return
        if len(self.mean) != channels:
            raise UserError(f"{name} takes {channels} channels: its mean is as many numbers, not {listed(self.mean)}")
        if not all(0 <= value <= white for value in self.mean):
            raise UserError(f"a mean lies between 0 (black) and {white:g} (white), unlike {listed(self.mean)}")
        if white > 2 and 0 < max(self.mean) <= 1:
            raise UserError(f"a mean is in values of the input: {listed(self.mean)} is nearly black where white is {white:g}")


UNTOLD = PictureOptions()


def origin(option: object) -> str:
    return ASSUMED if option is None else GIVEN


def listed(numbers: Iterable[float], between: str = ", ") -> str:
    return between.join(f"{number:g}" for number in numbers)


def in_words(facts: Iterable[Fact]) -> str:
    """All that is known of a network's pictures, with its origin, as one line."""
    grouped: dict[str, list[str]] = {FROM_NETWORK: [], GIVEN: [], ASSUMED: []}
    for what, known_from in facts:
        grouped[known_from].append(what)
    return "; ".join(f"{', '.join(texts)} ({known_from})" for known_from, texts in grouped.items() if texts)


def format_of_network(channels: int, white: float = 1.0, output_range: tuple[float, float] = (0.0, 1.0)) -> PictureFormat:
    """The format of a network that is known to want just this."""
    order = "grey" if channels == 1 else "red first"
    facts = f"white is {white:g}", order, f"output {listed(output_range, ' to ')}"
    return PictureFormat(channels, white, output_range, in_words((fact, FROM_NETWORK) for fact in facts))


def require_untold(options: PictureOptions, name: object, why: str) -> None:
    """Raises UserError where options are given that would be dropped; ``why``, for people."""
    if options.given:
        raise UserError(f"{name} {why}: leave out what is said of its pictures ({', '.join(options.given)})")
