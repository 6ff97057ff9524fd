"""Which of a folder's pictures are used for what: to calibrate, to train, to compare candidates on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tvm_srq.data.pictures import evenly, list_pictures, read_picture
from tvm_srq.graph.graph import Graph
from tvm_srq.graph.network import as_batch
from tvm_srq.quant.policy.settings import Settings

CROPS, CROP_SIDE = 8, 48  # of held-out pictures, to compare candidates by their output
MAX_SIDE, HELD_OUT_SIDE = 512, 96  # training pictures are cut to so many rows and columns, held-out ones to the centre


def chosen_pictures(folder: str | Path, settings: Settings) -> tuple[list[Path], list[Path]]:
    """Calibration pictures, evenly chosen, and up to CROPS held-out ones (calibration pictures where there are no others)."""
    paths = list_pictures(folder)
    chosen = evenly(paths, settings.pictures)
    others = [path for path in paths if path not in set(chosen)] or paths
    return chosen, evenly(others, CROPS)


def centre_crop(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    top, left = (max((length - side) // 2, 0) for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def telling_crops(picture: NDArray[np.uint8], side: int) -> list[NDArray[np.uint8]]:
    """The centre, for what is usual, and the surroundings of the strongest contrast, where activations have their outliers."""
    luma = picture.astype(np.float32).sum(2)
    steps = np.abs(np.diff(luma, axis=0))[:, :-1] + np.abs(np.diff(luma, axis=1))[:-1]
    row, column = np.unravel_index(steps.argmax(), steps.shape) if steps.size else (0, 0)
    top, left = (int(np.clip(at - side // 2, 0, max(n - side, 0))) for at, n in zip((row, column), picture.shape))
    return [centre_crop(picture, side), picture[top : top + side, left : left + side]]


def held_out_crops(graph: Graph, folder: str | Path, settings: Settings) -> list[Tensor]:
    """(1, C, CROP_SIDE, CROP_SIDE) at most: network inputs to compare candidates on."""
    _, held_out = chosen_pictures(folder, settings)
    side, channels = max(CROP_SIDE, graph.smallest), graph.picture.channels
    return [as_batch(crop, graph) for path in held_out for crop in telling_crops(read_picture(path, channels), side)]


def pictures_to_train_on(graph: Graph, folder: str | Path, settings: Settings) -> tuple[list[Tensor], list[Tensor]]:
    """(1, C, H, W) network inputs to train on, all that are not held out where there are others, and to measure on."""
    (_, held_out), channels = chosen_pictures(folder, settings), graph.picture.channels
    paths = list_pictures(folder)
    training = [path for path in paths if path not in held_out] or paths
    pictures = [as_batch(read_picture(path, channels)[:MAX_SIDE, :MAX_SIDE], graph) for path in training]
    return pictures, [as_batch(centre_crop(read_picture(path, channels), HELD_OUT_SIDE), graph) for path in held_out]
