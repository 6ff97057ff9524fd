"""A picture file in memory: its frames, and what surrounds the pixels."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

ENDLESS = 0
"""Of ``Picture.plays``."""


@dataclass(frozen=True)
class Frame:
    """One upright picture.

    Attributes:
        colours: (H, W, 3) uint8 RGB, or (H, W, 1) grey.
        alpha: (H, W) uint8, from 0 (transparent) to 255; None: opaque.
        duration: milliseconds, of an animation's frame.
    """

    colours: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None
    duration: float = 0.0

    @property
    def grey(self) -> bool:
        return self.colours.shape[2] == 1

    @property
    def pixels(self) -> int:
        return self.colours.shape[0] * self.colours.shape[1]


@dataclass(frozen=True)
class Metadata:
    """What surrounds the pixels.

    Attributes:
        exif: as files hold it, beginning with ``Exif\\0\\0``, its orientation upright.
        text: of PNG chunks, by keyword.
        colour_chunks: PNG's names and contents of chunks that say what the colours are where no ICC profile does.
    """

    icc_profile: bytes = b""
    dpi: tuple[float, float] | None = None
    exif: bytes = b""
    xmp: bytes = b""
    comment: str | bytes = b""
    text: dict[str, str] = field(default_factory=dict)
    colour_chunks: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True)
class Picture:
    """A picture file.

    Attributes:
        sequence: what several frames are: "animation" or "pages".
        plays: how often an animation is shown; 0: for ever.
        still_first: the first frame is no part of the animation, but what is shown where animations are not.
        lost: what reading could not keep, in words.
    """

    frames: list[Frame]
    metadata: Metadata = Metadata()
    sequence: str = "animation"
    plays: int = ENDLESS
    still_first: bool = False
    lost: tuple[str, ...] = ()

    def with_frames(self, frames: list[Frame]) -> "Picture":
        return replace(self, frames=frames)
