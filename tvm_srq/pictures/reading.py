"""Reading a picture file with all its frames and what surrounds its pixels."""

from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageOps

from tvm_srq.data.pictures import open_image
from tvm_srq.pictures.colours import frame_of, raw_mode
from tvm_srq.pictures.metadata import FAILURES, read_metadata
from tvm_srq.pictures.picture import ENDLESS, Picture

SEQUENCES = {"GIF": "animation", "PNG": "animation", "WEBP": "animation", "AVIF": "animation", "TIFF": "pages"}
"""What several frames of a format are; of others, such as the previews of MPO, the first is the picture."""


def read_whole(path: str | Path) -> Picture:
    """Read a picture file: upright, grey or RGB of 8 bits, with alpha, every frame as it is seen, and what surrounds the pixels.

    Raises:
        UserError: the file is missing, no picture, or one whose pixels have no range that is known.
    """
    with open_image(path) as image:
        return picture_of(image, Path(path))


def picture_of(image: Image.Image, path: Path) -> Picture:
    """As :func:`read_whole`, of an image that is open."""
    kind, count = SEQUENCES.get(image.format or "", ""), getattr(image, "n_frames", 1)
    frames, lost = [], []
    stored = raw_mode(image)
    for index in range(count if kind else 1):
        if index > 0:
            image.seek(index)
            stored = raw_mode(image) or stored
        image.load()
        upright, duration = turned_upright(image), float(image.info.get("duration", 0))
        if index == 0:
            metadata, unread = read_metadata(image, upright)
            plays = read_plays(image)
        frame, shallower = frame_of(upright, stored, path, duration)
        frames.append(frame)
        lost += shallower
    if count > 1 and not kind:
        lost.append(f"{count - 1} further {'picture' if count == 2 else 'pictures'} of {image.format}")
    still_first = kind == "animation" and count > 1 and bool(getattr(image, "default_image", False))
    if len(frames) > 1 and kind == "animation" and all(frame.alpha is None or frame.alpha.min() == 255 for frame in frames):
        frames = [replace(frame, alpha=None) for frame in frames]  # encoders use it for what does not change, and all is opaque
    return Picture(frames, metadata, kind or "pages", plays, still_first, tuple(dict.fromkeys([*lost, *unread])))


def turned_upright(image: Image.Image) -> Image.Image:
    """A copy of a loaded image as its EXIF says; as it is stored where that is damaged."""
    try:
        return ImageOps.exif_transpose(image)
    except FAILURES:
        return image.copy()


def read_plays(image: Image.Image) -> int:
    """How often an animation is shown. A GIF file that is to be repeated once is shown twice; one that says nothing, once."""
    loop = image.info.get("loop")
    if image.format == "GIF":
        return 1 if loop is None else loop + 1 if loop else ENDLESS
    return ENDLESS if loop is None else int(loop)
