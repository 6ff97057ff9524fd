"""What surrounds a picture's pixels, read from Pillow's images and put into the options that it saves with."""

import struct
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin

from tvm_srq.pictures.formats import Format
from tvm_srq.pictures.picture import Metadata

XMP_KEYWORD = "XML:com.adobe.xmp"
NO_TEXT = (XMP_KEYWORD, "Raw profile type exif", "Raw profile type xmp", "Comment")  # of PNG keywords: kept as what they are
GAMMA_OF_SRGB = 0.45455
XMP_TAG, IPTC_TAG = 700, 33723  # TIFF's
IPTC = 0x0404  # of Photoshop's resources
Base = ExifTags.Base
DESCRIPTIVE = (
    Base.ImageDescription, Base.Make, Base.Model, Base.Software, Base.DateTime, Base.Artist, Base.HostComputer, Base.Copyright,
)  # fmt: skip
FOLDERS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
WORDS = {
    "icc_profile": "the ICC profile", "dpi": "dpi", "exif": "EXIF", "xmp": "XMP", "comment": "the comment",
    "colour_chunks": "PNG's gamma",
}  # fmt: skip
FAILURES = (SyntaxError, ValueError, TypeError, KeyError, IndexError, OSError, AttributeError, OverflowError, struct.error)
"""What Pillow raises over damaged EXIF."""


def read_metadata(image: Image.Image, upright: Image.Image) -> tuple[Metadata, list[str]]:
    """Of a file's first frame, loaded, and its upright copy; and what cannot be read, in words."""
    info, lost = upright.info, []
    try:
        exif = read_exif(image)
    except FAILURES:
        exif = b""
        lost.append("EXIF (damaged)")
    text = {str(key): value for key, value in getattr(image, "text", {}).items()}
    if IPTC in info.get("photoshop", {}) or IPTC_TAG in getattr(image, "tag_v2", {}):
        lost.append("IPTC captions")
    if "aspect" in info:
        lost.append("the pixels' aspect")
    xmp = info.get("xmp", b"")
    return Metadata(
        icc_profile=b"" if image.mode == "CMYK" else info.get("icc_profile") or b"",
        dpi=read_dpi(image), exif=exif, xmp=xmp.encode() if isinstance(xmp, str) else xmp,
        comment=text.get("Comment", "") or info.get("comment", b""),
        text={key: value for key, value in text.items() if key not in NO_TEXT},
        colour_chunks=colour_chunks(info) if image.format == "PNG" else (),
    ), lost  # fmt: skip


def read_dpi(image: Image.Image) -> tuple[float, float] | None:
    """What the file says; Pillow makes values up for JPEG files with EXIF and TIFF files that say nothing."""
    told = image.info.get("dpi")
    if image.format == "TIFF" and Base.XResolution not in getattr(image, "tag_v2", {}):
        return None
    if told == (72, 72) and image.format in ("JPEG", "MPO") and "jfif_unit" not in image.info:
        return None
    return (float(told[0]), float(told[1])) if told and min(told) > 0 else None


def read_exif(image: Image.Image) -> bytes:
    """As Metadata has it; of a TIFF file the tags that say nothing of how its pixels are stored."""
    if image.format == "TIFF":
        return bytes_of(descriptive(image.getexif()))
    raw = image.info.get("exif")
    if not raw and "Raw profile type exif" not in image.info:
        return b""
    exif = image.getexif() if not raw else loaded_exif(raw)
    if exif.get(Base.Orientation, 1) != 1:  # Pillow turns the pixels
        exif[Base.Orientation] = 1
        return bytes_of(exif)
    return raw or bytes_of(exif)


def loaded_exif(raw: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(raw)
    return exif


def bytes_of(exif: Image.Exif) -> bytes:
    return exif.tobytes() if len(exif) else b""


def descriptive(exif: Image.Exif) -> Image.Exif:
    """Tags that describe what is seen and how it was made, and none of those that say how a TIFF file is laid out."""
    kept = Image.Exif()
    for tag in DESCRIPTIVE:
        if tag in exif:
            kept[tag] = exif[tag]
    for name in FOLDERS:
        folder = exif.get_ifd(name)
        if folder:
            kept[name] = dict(folder)
    return kept


def with_size(raw: bytes, width: int, height: int) -> bytes:
    """EXIF whose tags for the picture's size, if it has any, say this one."""
    exif = loaded_exif(raw)
    folder = dict(exif.get_ifd(ExifTags.IFD.Exif))
    sizes = {Base.ExifImageWidth: width, Base.ExifImageHeight: height}
    frame = {Base.ImageWidth: width, Base.ImageLength: height}
    if not any(tag in folder for tag in sizes) and not any(tag in exif for tag in frame):
        return raw
    for tag in frame:
        if tag in exif:
            exif[tag] = frame[tag]
    if folder:
        exif[ExifTags.IFD.Exif] = {tag: sizes.get(Base(tag), value) if tag in sizes else value for tag, value in folder.items()}
    return exif.tobytes()


def colour_chunks(info: dict[Any, Any]) -> tuple[tuple[bytes, bytes], ...]:
    """PNG's chunks of sRGB's rendering intent, gamma and primaries."""
    chunks = []
    if "srgb" in info:
        chunks.append((b"sRGB", bytes([info["srgb"]])))
    if "gamma" in info:
        chunks.append((b"gAMA", struct.pack(">I", round(info["gamma"] * 100_000))))
    if "chromaticity" in info:
        chunks.append((b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in info["chromaticity"]))))
    return tuple(chunks)


def says_srgb(chunks: tuple[tuple[bytes, bytes], ...]) -> bool:
    """Whether colours are what they are taken for where nothing is said."""
    names = dict(chunks)
    gamma = struct.unpack(">I", names[b"gAMA"])[0] / 100_000 if b"gAMA" in names else GAMMA_OF_SRGB
    return b"sRGB" in names or abs(gamma - GAMMA_OF_SRGB) < 0.001


def save_options(
    metadata: Metadata, name: str, form: Format, mode: str, size: tuple[int, int]
) -> tuple[dict[str, Any], list[str]]:
    """Options for Pillow's ``save`` with all that the format holds, and what it does not, in words.

    Args:
        name: the format's. mode: that is written, Pillow's name. size: width and height.
    """
    told, lost = {key: getattr(metadata, key) for key in WORDS if getattr(metadata, key)}, []
    if "colour_chunks" in told and "colour_chunks" not in form.holds and says_srgb(metadata.colour_chunks):
        del told["colour_chunks"]
    for key in [key for key, value in told.items() if key not in form.holds or too_long(key, value, form)]:
        lost.append(WORDS[key])
        del told[key]
    if told.get("icc_profile", b"")[16:20] == b"GRAY" and not mode.startswith("L"):
        lost.append(f"the ICC profile (of grey, and {name} is written in RGB)")
        del told["icc_profile"]
    if "exif" in told:
        told["exif"] = with_size(told["exif"], *size)
    text = metadata.text if "text" in form.holds else {}
    if metadata.text and not text:
        lost.append(f"text ({', '.join(metadata.text)})")
    if name == "PNG":
        told = for_png(told, text)
    if name == "TIFF":
        told = for_tiff(told)
    return told, lost


def too_long(key: str, value: Any, form: Format) -> bool:
    return key in ("exif", "xmp") and 0 < form.longest < len(value)


def for_png(told: dict[str, Any], text: dict[str, str]) -> dict[str, Any]:
    """Pillow writes what PNG has in chunks of text, and chunks on colours, from one list."""
    chunks = PngImagePlugin.PngInfo()
    for chunk, content in told.pop("colour_chunks", ()):
        chunks.add(chunk, content)
    if "xmp" in told:
        chunks.add_itxt(XMP_KEYWORD, told.pop("xmp").decode(errors="replace"))
    if "comment" in told:
        chunks.add_text("Comment", as_text(told.pop("comment")))
    for keyword, value in text.items():
        chunks.add_text(keyword, value)
    return {**told, "pnginfo": chunks}


def for_tiff(told: dict[str, Any]) -> dict[str, Any]:
    """TIFF has EXIF's tags among its own, and XMP as one of them."""
    exif = descriptive(loaded_exif(told.pop("exif"))) if "exif" in told else Image.Exif()
    if "xmp" in told:
        exif[XMP_TAG] = told.pop("xmp")
    raw = bytes_of(exif)
    return {**told, "exif": raw} if raw else told


def as_text(comment: str | bytes) -> str:
    """A comment's bytes are UTF-8 or, where they cannot be, Latin-1."""
    if isinstance(comment, str):
        return comment
    try:
        return comment.decode()
    except UnicodeDecodeError:
        return comment.decode("latin-1")
