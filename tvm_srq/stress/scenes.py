"""What lenses and screens show and photographs of nature do not: facades, and windows with widgets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from tvm_srq.stress.canvas import FINER, any_colour, draw
from tvm_srq.stress.colours import saturated


def facade(size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Rows of windows with bars, seen from below: they grow narrower and closer towards the top, to two pixels or so."""
    wall, glass, frame = saturated(random) * 0.4 + 90, any_colour(random), tuple(int(c) for c in random.integers(0, 256, 3))
    lean = random.uniform(-0.3, 0.3)

    def paint(canvas: ImageDraw.ImageDraw, side: int) -> None:
        bottom, height, columns = float(side), side / random.uniform(5, 9), int(random.integers(8, 16))
        while bottom > 0 and height > 2 * FINER:
            shrink = 0.55 + 0.45 * bottom / side
            for column in range(-1, columns + 1):
                left = side / 2 + (column - columns / 2) * side / columns * shrink + lean * (side - bottom)
                right = left + 0.6 * side / columns * shrink
                top = bottom - 0.7 * height
                canvas.rectangle((left, top, right, bottom), glass, frame, FINER)
                canvas.line((left, (top + bottom) / 2, right, (top + bottom) / 2), frame, FINER)
                canvas.line(((left + right) / 2, top, (left + right) / 2, bottom), frame, FINER)
            bottom -= height
            height *= 0.88

    return draw(size, wall, paint)


def widgets(size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """A window: title bar, buttons, fields, check marks, a chart; lines of one pixel, on whole pixels."""
    light = random.random() < 0.6
    paper = np.full(3, 245.0 if light else 30.0)
    ink = (20, 20, 20) if light else (235, 235, 235)

    def paint(canvas: ImageDraw.ImageDraw, side: int) -> None:
        pixel, row = FINER, 12 * FINER
        canvas.rectangle((0, 0, side, row), any_colour(random))
        for top in range(row + 4 * pixel, side - row, row):
            left = 4 * pixel
            while left < side - 3 * row:
                width = int(random.integers(8, 40)) * pixel
                box = (left, top, left + width, top + 8 * pixel)
                kind = random.integers(4)
                if kind == 0:
                    canvas.rounded_rectangle(box, 2 * pixel, any_colour(random))
                elif kind == 1:
                    canvas.rectangle(box, None, ink, pixel)
                elif kind == 2:
                    for at in range(left, left + width, 3 * pixel):  # as lines of small text
                        canvas.rectangle((at, top + 3 * pixel, at + int(random.integers(1, 3)) * pixel - 1, top + 6 * pixel), ink)
                else:
                    low = top + 7 * pixel
                    canvas.line((left, low, left + 3 * pixel, low, left + width, top), any_colour(random), pixel)
                left += width + 4 * pixel

    return draw(size, paper, paint)
