"""Reading and writing pictures as (H, W, 3) uint8 RGB arrays."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from tvm_srq.errors import UserError
from tvm_srq.files import replacing

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff", ".webp")


def read_picture(path: str | Path) -> NDArray[np.uint8]:
    """Read a picture as (H, W, 3) uint8 RGB; grey pictures get three equal channels, alpha is dropped.

    Raises:
        UserError: the file is missing or no picture.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"picture {path} does not exist; give the path of a picture file")
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"{path} is not a readable picture ({type(error).__name__}); give a PNG, JPEG or BMP") from error


def write_picture(path: str | Path, picture: NDArray[np.uint8]) -> None:
    """Write an (H, W, 3) uint8 RGB picture in the format of the path's suffix; nothing is left if it fails.

    Raises:
        UserError: the folder is missing or the suffix names no picture format.
    """
    path = Path(path)
    image_format = Image.registered_extensions().get(path.suffix.lower())
    if image_format is None:
        raise UserError(f"cannot write {path}: {path.suffix or 'no suffix'} names no picture format; use .png")
    with replacing(path) as temporary:
        Image.fromarray(picture).save(temporary, format=image_format)


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
