"""The picture that is upscaled and the pictures peers are calibrated on."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage import data as samples

from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.data.pictures import evenly, list_pictures, read_picture, write_picture

CALIBRATION_SIZE = (120, 160)
CALIBRATION_PICTURES = 24
SAMPLES = ("coffee", "chelsea", "rocket")


def benchmark_picture(height: int, width: int) -> NDArray[np.uint8]:
    """A photograph of a size: scikit-image's astronaut, shrunk fourfold and repeated in mirror images as needed."""
    small = resize_bicubic(samples.astronaut(), 1 / 4)
    rows, columns = (mirrored(size, extent) for size, extent in zip((height, width), small.shape[:2], strict=True))
    return np.ascontiguousarray(small[rows][:, columns])


def mirrored(count: int, extent: int) -> NDArray[np.int64]:
    """``count`` indices running up and down 0..extent-1."""
    cycle = np.concatenate([np.arange(extent), np.arange(extent)[::-1]])
    return np.resize(cycle, count)


def calibration_pictures(source: str | None, cache: Path) -> tuple[Path, ...]:
    """Evenly chosen pictures of a folder (of scikit-image if None), centre cut to one size, written under ``cache``.

    Raises:
        UserError: the folder is missing or holds no picture.
    """
    key = hashlib.sha256(str(Path(source).resolve()).encode()).hexdigest()[:16] if source else "samples"
    folder = cache / f"calibration-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    if source is None:
        named = [(name, resize_bicubic(getattr(samples, name)(), 1 / 2)) for name in SAMPLES]
    else:
        named = [(path.stem, read_picture(path)) for path in evenly(list_pictures(source), CALIBRATION_PICTURES)]
    result = []
    for name, picture in named:
        if picture.shape[0] < CALIBRATION_SIZE[0] or picture.shape[1] < CALIBRATION_SIZE[1]:
            continue
        top, left = ((size - cut) // 2 for size, cut in zip(picture.shape[:2], CALIBRATION_SIZE, strict=True))
        path = folder / f"{name}.png"
        write_picture(path, picture[top : top + CALIBRATION_SIZE[0], left : left + CALIBRATION_SIZE[1]])
        result.append(path)
    return tuple(result)
