"""Drawing with soft edges: shapes are drawn larger and averaged down."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tvm_srq.stress.colours import saturated

FINER = 4  # times as many pixels to draw on


def draw(size: int, background: NDArray[np.float64], paint: Callable[[ImageDraw.ImageDraw, int], None]) -> NDArray[np.uint8]:
    """(size, size, 3) of what ``paint(canvas, side)`` draws on a canvas of FINER times as many rows and columns."""
    side = size * FINER
    image = Image.new("RGB", (side, side), colour(background))
    paint(ImageDraw.Draw(image), side)
    return np.asarray(image.reduce(FINER)).copy()


def colour(values: NDArray[np.float64]) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in values)
    return red, green, blue


def any_colour(random: np.random.Generator) -> tuple[int, int, int]:
    return colour(saturated(random))
