"""Datasets as the super-resolution community lays them out: HR, and LR_bicubic/X4 with baby.png or babyx4.png."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.data.pictures import SUFFIXES, list_pictures, read_picture
from tvm_srq.errors import UserError


def find_dataset(name: str, data: str | None) -> Path:
    """A folder by path, or by name under ``data``/datasets (the environment's TVM_SRQ_DATA).

    Raises:
        UserError: it is neither.
    """
    for folder in (Path(name), *([Path(data) / "datasets" / name] if data else [])):
        if folder.is_dir():
            return folder
    raise UserError(f"dataset {name} is no folder and not under TVM_SRQ_DATA/datasets; give a folder with HR pictures")


def pairs(folder: Path, scale: int) -> Iterator[tuple[str, NDArray[np.uint8], NDArray[np.uint8]]]:
    """(name, low, high) of every picture of a dataset, as :func:`paired`."""
    high_folder = folder / "HR" if (folder / "HR").is_dir() else folder
    return paired(folder / "LR_bicubic" / f"X{scale}", high_folder, scale)


def paired(low_folder: Path, high_folder: Path, scale: int) -> Iterator[tuple[str, NDArray[np.uint8], NDArray[np.uint8]]]:
    """(name, low, high) of every picture of ``high_folder``; a missing low-resolution picture is made by MATLAB's bicubic.

    Both are cut to whole low-resolution pixels: where the sides of ``high`` are no multiples of ``scale``, datasets round
    the sides of ``low`` down or up.

    Raises:
        UserError: a picture is unreadable, smaller than ``scale``, or the two do not belong together.
    """
    for path in list_pictures(high_folder):
        high = read_picture(path)
        height, width = high.shape[0] // scale, high.shape[1] // scale
        if height == 0 or width == 0:
            raise UserError(f"{path} is smaller than one low-resolution pixel at scale {scale}; remove it from the dataset")
        high = high[: height * scale, : width * scale]
        names = [f"{path.stem}{tag}{suffix}" for suffix in (path.suffix, *SUFFIXES) for tag in (f"x{scale}", "")]
        low_path = next((low_folder / name for name in names if (low_folder / name).is_file()), None)
        low = resize_bicubic(high, 1 / scale) if low_path is None else read_picture(low_path)
        if low.shape[0] not in (height, height + 1) or low.shape[1] not in (width, width + 1):
            raise UserError(f"{low_path} is {low.shape[0]}x{low.shape[1]}, which is not {path} by {scale}; make it again")
        yield path.stem, low[:height, :width], high
