"""What the formats that pictures are written in can hold."""

from dataclasses import dataclass

from tvm_srq.data.pictures import format_of_suffix
from tvm_srq.errors import UserError
from tvm_srq.files import PICTURE_SUFFIXES

SUFFIXES = (*PICTURE_SUFFIXES, ".apng", ".avif", ".gif", ".jfif", ".jp2", ".pgm", ".tga")
"""Of the files of a folder that are taken for pictures."""


@dataclass(frozen=True)
class Format:
    """A format as Pillow writes it.

    Attributes:
        modes: Pillow's, of those that upscaled pictures have.
        holds: attributes of Metadata.
        sequence: what several frames may be, as in Picture.
        quality: what is written unless another is asked for; None: it has none.
        longest: bytes of EXIF and of XMP; 0: any.
    """

    modes: tuple[str, ...] = ("L", "RGB")
    holds: frozenset[str] = frozenset()
    sequence: str = ""
    quality: int | None = None
    longest: int = 0


ALL_MODES = ("L", "LA", "RGB", "RGBA")
CAMERAS = frozenset({"icc_profile", "exif", "xmp"})
FORMATS = {
    "PNG": Format(ALL_MODES, CAMERAS | {"dpi", "comment", "text", "colour_chunks"}, "animation"),
    "JPEG": Format(("L", "RGB"), CAMERAS | {"dpi", "comment"}, quality=95, longest=65_500),
    "WEBP": Format(("RGB", "RGBA"), CAMERAS, "animation", quality=90),
    "AVIF": Format(("L", "RGB", "RGBA"), CAMERAS, "animation", quality=90),
    "TIFF": Format(ALL_MODES, CAMERAS | {"dpi"}, "pages"),
    "BMP": Format(("L", "RGB"), frozenset({"dpi"})),
    "GIF": Format(("L", "RGB", "RGBA"), frozenset({"comment"}), "animation"),
    "JPEG2000": Format(ALL_MODES, frozenset({"comment"})),
    "TGA": Format(ALL_MODES),
    "QOI": Format(("RGB", "RGBA")),
    "ICO": Format(ALL_MODES),
}
OTHER = Format()


def require_format(extension: str) -> str:
    """Pillow's name of a format given as ``png`` or ``.png``.

    Raises:
        UserError: nothing is written under such a suffix.
    """
    name = format_of_suffix(f".{extension.removeprefix('.')}")
    if name is None:
        raise UserError(f"format {extension!r} names no picture format that can be written; use png, jpg, webp or tif")
    return name
