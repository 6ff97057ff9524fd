"""Picture files of every kind, small, made by Pillow."""

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'
DPI = (300.0, 150.0)
DURATIONS = [30, 50, 120]
BROKEN = ("broken.avif", "broken.jpg", "broken.png", "broken.webp", "text.png")


def pixels(channels: int, height: int = 9, width: int = 12) -> NDArray[np.uint8]:
    """Smooth, so that lossy formats keep them nearly."""
    rows, columns = np.mgrid[:height, :width]
    ramps = [rows * 20 + 40, columns * 15 + 30, 230 - rows * 10 - columns * 8, columns * 20][:channels]
    return np.stack(ramps, 2).astype(np.uint8)


def rgb() -> Image.Image:
    return Image.fromarray(pixels(3))


def rgba() -> Image.Image:
    return Image.fromarray(np.concatenate([pixels(3), alpha()[:, :, None]], 2))


def grey() -> Image.Image:
    return Image.fromarray(pixels(1)[:, :, 0])


def grey_alpha() -> Image.Image:
    return Image.merge("LA", (grey(), Image.fromarray(alpha())))


def alpha() -> NDArray[np.uint8]:
    """A transparent corner, a soft edge, the rest opaque."""
    rows, columns = np.mgrid[:9, :12]
    return np.clip((rows + columns - 5) * 100, 0, 255).astype(np.uint8)


def exif(orientation: int = 1) -> Image.Exif:
    made = Image.Exif()
    made[ExifTags.Base.ImageDescription], made[ExifTags.Base.Artist] = "a ramp", "nobody"
    made[ExifTags.Base.Orientation] = orientation
    sizes = {ExifTags.Base.ExifImageWidth: 12, ExifTags.Base.ExifImageHeight: 9}
    made[ExifTags.IFD.Exif] = {**sizes, ExifTags.Base.ISOSpeedRatings: 64}
    made[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitudeRef: "N"}
    return made


def cmyk_profile() -> bytes:
    """Of a printer whose only ink that shows is black: white paper (L* 100) to L* 0, whatever C, M and Y are."""

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    lightness = [255 if not corner & 1 else 0 for corner in range(16)]  # the last ink varies fastest
    table = bytes(value for corner in lightness for value in (corner, 128, 128))
    identity = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + identity * 4 + table + identity * 3
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 6) + b"black\0" + bytes(78), b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1, 0.8249), b"A2B0": lut,
    }  # fmt: skip
    offset, index, content = 128 + 4 + 12 * len(tags), b"", b""
    for name, value in tags.items():
        value += bytes(-len(value) % 4)
        index += name + struct.pack(">II", offset + len(content), len(value))
        content += value
    body = struct.pack(">I", len(tags)) + index + content
    header = struct.pack(">I", 128 + len(body)) + bytes(4) + bytes.fromhex("02400000") + b"prtrCMYKLab " + bytes(12) + b"acsp"
    header += bytes(28) + fixed(0.9642, 1, 0.8249)
    return header + bytes(128 - len(header)) + body


def deep_png(values: NDArray[np.uint16]) -> bytes:
    """A PNG file of 16 bits and 2 to 4 channels, which Pillow does not write."""
    height, width, channels = values.shape

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def frames(mode: str) -> list[Image.Image]:
    """Three that differ, a square moving over the ramp."""
    made = []
    for index in range(3):
        image = (rgba() if mode == "RGBA" else rgb()).copy()
        image.paste((250, 10, 10, 255)[: len(mode)], (3 * index, 2, 3 * index + 3, 6))
        made.append(image)
    return made


def surrounded(name: str) -> dict:
    """Options that save all that Pillow can put around pixels of a format."""
    cameras = {"icc_profile": SRGB, "exif": exif(), "xmp": XMP}
    if name == "PNG":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_text("Title", "ramp")
        chunks.add_itxt("Author", "Ægir", "is", "")
        chunks.add_itxt("XML:com.adobe.xmp", XMP.decode())
        return {"icc_profile": SRGB, "exif": exif(), "dpi": DPI, "pnginfo": chunks}
    if name == "TIFF":
        made = exif()
        made[700] = XMP
        return {"icc_profile": SRGB, "exif": made.tobytes(), "dpi": DPI}
    return {
        "JPEG": {**cameras, "dpi": DPI, "comment": b"seen", "quality": 95}, "WEBP": cameras, "AVIF": cameras,
        "BMP": {"dpi": DPI}, "GIF": {"comment": b"seen"},
    }[name]  # fmt: skip


def write_mixture(folder: Path) -> dict[str, int]:
    """Files of every kind, broken ones (BROKEN) among them; how many frames the whole ones have, by name."""
    folder.mkdir(exist_ok=True)
    whole = {
        "rgb.png": rgb(), "rgba.png": rgba(), "grey.png": grey(), "grey_alpha.png": grey_alpha(),
        "palette.png": rgb().quantize(16), "deep.png": Image.fromarray(pixels(1)[:, :, 0].astype(np.uint16) * 257),
        "rgb.jpg": rgb(), "grey.jpg": grey(), "cmyk.jpg": rgb().convert("CMYK"), "rgb.webp": rgb(), "rgba.webp": rgba(),
        "rgb.avif": rgb(), "rgba.avif": rgba(), "rgb.tif": rgb(), "grey.tiff": grey(), "rgb.bmp": rgb(), "still.gif": rgb(),
    }  # fmt: skip
    for name, image in whole.items():
        image.save(folder / name)
    for name in ("moving.webp", "moving.png", "moving.gif"):
        first, *rest = frames("RGB")
        first.save(folder / name, save_all=True, append_images=rest, duration=DURATIONS, loop=2)
    for name in BROKEN[:-1]:
        content = (folder / f"rgb{Path(name).suffix}").read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])
    (folder / "text.png").write_text("no picture")
    (folder / "notes.txt").write_text("no picture either, and not taken for one")
    return dict.fromkeys(whole, 1) | dict.fromkeys(("moving.webp", "moving.png", "moving.gif"), 3)
