"""Datasets as the super-resolution community lays them out: HR, and LR_bicubic/X4 with baby.png or babyx4.png."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.data.pictures import list_pictures, read_picture
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
    """(name, low, high) of every picture; a missing low-resolution picture is made by MATLAB's bicubic."""
    high_folder = folder / "HR" if (folder / "HR").is_dir() else folder
    low_folder = folder / "LR_bicubic" / f"X{scale}"
    for path in list_pictures(high_folder):
        high = read_picture(path)
        high = high[: high.shape[0] // scale * scale, : high.shape[1] // scale * scale]
        known = (low_folder / f"{path.stem}{suffix}{path.suffix}" for suffix in (f"x{scale}", ""))
        low_path = next((candidate for candidate in known if candidate.is_file()), None)
        low = resize_bicubic(high, 1 / scale) if low_path is None else read_picture(low_path)
        yield path.stem, low, high[: low.shape[0] * scale, : low.shape[1] * scale]
