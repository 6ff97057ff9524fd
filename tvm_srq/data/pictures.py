"""Reading and writing pictures as (H, W, 3) uint8 RGB arrays, grey ones for grey networks as (H, W, 1)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tvm_srq.errors import UserError
from tvm_srq.files import PICTURE_SUFFIXES, replacing, require_file, require_folder, written_through

SUFFIXES = PICTURE_SUFFIXES


def evenly(paths: list[Path], count: int) -> list[Path]:
    """``count`` of the paths at most, evenly spread, the first and the last among them."""
    index = np.unique(np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int))
    return [paths[i] for i in index]


def require_picture(picture: NDArray[np.uint8], channels: int, smallest: int) -> None:
    """Whether a network of ``channels`` that works from ``smallest`` rows and columns on takes an (H, W, C) picture.

    Raises:
        UserError: the picture is smaller than the network works on, or has other channels.
    """
    height, width, found = picture.shape
    if found != channels:
        kinds = {1: "grey pictures (1 channel)", 3: "RGB pictures (3 channels)"}
        raise UserError(f"the network reads {kinds[channels]}, not ones of {found} channels")
    if min(height, width) < smallest:
        raise UserError(f"the network works on pictures of {smallest}x{smallest} pixels or more, not {height}x{width}")


def read_picture(path: str | Path, channels: int = 3) -> NDArray[np.uint8]:
    """Read a picture as (H, W, 3) uint8 RGB, turned upright as its EXIF data says; with ``channels`` 1, as (H, W, 1) grey.

    Grey pictures get three equal channels, 16 bits are rounded to 8, alpha is dropped, CMYK and palettes are converted.

    Raises:
        UserError: the file is missing, no picture, or one whose pixels have no range that is known.
    """
    picture = read_colours(path)
    return picture if channels == 3 else in_grey(picture)


def in_grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) -> (H, W, 1): the luma of ITU-R BT.601 from 0 to 255, which grey pixels are themselves."""
    return np.asarray(Image.fromarray(picture).convert("L"))[:, :, None]


def has_colours(picture: NDArray[np.uint8]) -> bool:
    """Whether an (H, W, 3) picture has pixels that are not grey."""
    return bool((picture != picture[:, :, :1]).any())


def read_colours(path: str | Path) -> NDArray[np.uint8]:
    """As :func:`read_picture`, of 3 channels."""
    with open_image(path) as image:
        image.load()
        upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I") or upright.mode == "F":
        return from_deep_grey(np.asarray(upright), Path(path))
    return np.asarray(upright.convert("RGB"))


@contextmanager
def open_image(path: str | Path) -> Iterator[Image.Image]:
    """A picture file, open, while it is read.

    Raises:
        UserError: it is missing, or no picture, which may be seen as late as at its last pixel.
    """
    path = require_file(path, "picture", "give the path of a picture file")
    try:
        with Image.open(path) as image:
            yield image
    except UserError:
        raise
    except Exception as error:  # a damaged file makes Pillow raise nearly anything
        raise UserError(f"{path} is not a readable picture ({type(error).__name__}); give a PNG, JPEG or BMP") from error


def from_deep_grey(values: NDArray, path: Path) -> NDArray[np.uint8]:
    """(H, W) grey of more than 8 bits -> (H, W, 3): 0..65535 becomes 0..255 (Pillow itself would clip at 255)."""
    if values.dtype.kind == "f" or values.min() < 0 or values.max() > 65535:
        raise UserError(f"{path} has pixels outside 0..65535 or in floating point; save it with 8 or 16 bits a channel")
    grey = ((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def write_picture(path: str | Path, picture: NDArray[np.uint8]) -> None:
    """Write an (H, W, 3) uint8 RGB picture, or an (H, W, 1) grey one, in the format of the path's suffix, whole or not at all.

    Raises:
        UserError: the folder is missing or the suffix names no picture format.
    """
    save_image(path, Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture), picture_format(path))


def save_image(path: str | Path, image: Image.Image, name: str, **options: Any) -> None:
    """Write an image in the format of Pillow's ``name``, whole or not at all.

    Args:
        options: of Pillow's ``save``.

    Raises:
        UserError: the format cannot hold such an image.
    """
    with replacing(path) as temporary:
        try:
            image.save(temporary, format=name, **options)
        except (ValueError, OSError) as error:  # a size the format cannot hold
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk's trouble, not Pillow's
            raise UserError(f"cannot write {path} as {name}: {error}; use .png") from error


def picture_format(path: str | Path) -> str:
    """Pillow's format for a path, by its suffix; PNG for a device or FIFO that has none.

    Raises:
        UserError: the folder is missing or the suffix names no picture format.
    """
    path = Path(path)
    require_folder(path)
    if written_through(path) and not path.suffix:
        return "PNG"
    name = format_of_suffix(path.suffix)
    if name is None:
        raise UserError(f"cannot write {path}: {path.suffix or 'no suffix'} names no picture format; use .png")
    return name


def format_of_suffix(suffix: str) -> str | None:
    """Pillow's name of the format that is written under a suffix, such as ``.png``; None if there is none."""
    name = Image.registered_extensions().get(suffix.lower())
    return name if name in Image.SAVE else None


def list_pictures(folder: str | Path) -> list[Path]:
    """The picture files of a folder, sorted by name.

    Raises:
        UserError: the folder does not exist or holds no picture.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"folder {folder} does not exist; give a folder of pictures")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise UserError(f"folder {folder} holds no picture ({', '.join(SUFFIXES)}); put some there")
    return paths
