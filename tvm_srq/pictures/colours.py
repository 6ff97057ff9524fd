"""An image of any of Pillow's modes as grey or RGB and alpha, 8 bits each."""

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tvm_srq.data.pictures import from_deep_grey
from tvm_srq.pictures.picture import Frame

SIXTEEN_BITS = "16 bits a channel (8 are written)"
INKS = "CMYK (sRGB is written)"


def raw_mode(image: Image.Image) -> str:
    """How a file that is not yet loaded stores its pixels, in Pillow's words; "" where Pillow does not say."""
    tiles = getattr(image, "tile", None)
    if not tiles:
        return ""
    arguments = tiles[0][3]
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def frame_of(image: Image.Image, stored: str, path: Path, duration: float = 0.0) -> tuple[Frame, list[str]]:
    """The pixels of a loaded image, and what of them is lost.

    Args:
        stored: :func:`raw_mode`. path: for messages.

    Raises:
        UserError: the pixels have no range that is known.
    """
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image)
        return Frame(from_deep_grey(values, path)[:, :, :1], key_alpha(image, values), duration), [SIXTEEN_BITS]
    lost = [SIXTEEN_BITS] if ";16" in stored and not stored.startswith("BGR") else []  # BMP has 16 bits a pixel
    if image.mode == "CMYK":
        converted, problem = from_inks(image)
        return Frame(np.asarray(converted), None, duration), [*lost, INKS, *problem]
    grey = image.mode in ("1", "L", "LA", "La") or stored.startswith("LA")  # 16-bit grey with alpha is RGBA to Pillow
    mode = ("L" if grey else "RGB") + ("A" if image.has_transparency_data else "")
    if grey and image.mode == "RGBA":
        red, *_, alpha = image.split()
        image = Image.merge("LA", (red, alpha))
    pixels = np.asarray(image.convert(mode))
    if mode == "L":
        return Frame(pixels[:, :, None], None, duration), lost
    if mode == "RGB":
        return Frame(pixels, None, duration), lost
    return Frame(pixels[:, :, :-1], pixels[:, :, -1], duration), lost


def key_alpha(image: Image.Image, values: NDArray) -> NDArray[np.uint8] | None:
    """Alpha of deep grey in which one value is transparent."""
    key = image.info.get("transparency")
    return np.where(values == key, 0, 255).astype(np.uint8) if isinstance(key, int) else None


def from_inks(image: Image.Image) -> tuple[Image.Image, list[str]]:
    """CMYK in sRGB, by its ICC profile if that serves, and what is lost besides."""
    profile = image.info.get("icc_profile")
    if not profile:
        return image.convert("RGB"), []
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, ImportError, OSError, TypeError, ValueError):  # OSError is Pillow's for a damaged profile
        return image.convert("RGB"), ["the ICC profile (not usable for CMYK)"]
    assert converted is not None
    return converted, []
