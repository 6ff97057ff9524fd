"""Line art, flat-shaded drawings as of cartoons, and logos: few colours, thin lines, curves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from tvm_srq.stress.canvas import FINER, any_colour, draw
from tvm_srq.stress.colours import BLACK, WHITE, saturated


def curve(side: int, random: np.random.Generator) -> list[tuple[float, float]]:
    """A closed smooth line around some place: a circle with random waves."""
    angles = np.linspace(0, 2 * np.pi, 60)
    radius = random.uniform(0.05, 0.35) * side * np.ones_like(angles)
    for wave in range(2, 5):
        radius *= 1 + random.uniform(-0.25, 0.25) * np.cos(wave * angles + random.uniform(0, 2 * np.pi))
    x, y = random.uniform(0, side, 2)
    return list(zip(x + radius * np.cos(angles), y + radius * np.sin(angles), strict=True))


def line_art(size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Curves and straight lines of half a pixel to three, ink on paper or the other way round."""
    paper, ink = (WHITE, (0, 0, 0)) if random.random() < 0.7 else (BLACK, (255, 255, 255))

    def paint(canvas: ImageDraw.ImageDraw, side: int) -> None:
        for _ in range(10):
            canvas.line(curve(side, random), ink, int(random.integers(FINER // 2, 3 * FINER)))
            canvas.line(list(random.uniform(0, side, 4)), ink, int(random.integers(FINER // 2, 3 * FINER)))

    return draw(size, paper, paint)


def flat_shaded(size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Areas of one colour each, some with an outline."""

    def paint(canvas: ImageDraw.ImageDraw, side: int) -> None:
        for _ in range(14):
            shape = curve(side, random)
            canvas.polygon(shape, any_colour(random))
            if random.random() < 0.6:
                canvas.line(shape, (0, 0, 0), int(random.integers(FINER, 3 * FINER)))

    return draw(size, saturated(random), paint)
