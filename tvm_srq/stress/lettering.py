"""Lettering of many sizes, in two colours a line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tvm_srq.stress.canvas import colour
from tvm_srq.stress.colours import BLACK, WHITE, two_colours

LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789&%@#?!()[]{}<>/+-=*:;.,"


def lettering(size: int, random: np.random.Generator, letters: str = LATIN) -> NDArray[np.uint8]:
    """Lines of random letters of 6 to 40 pixels, of Pillow's own font; half of them black on white or white on black."""
    image = Image.new("RGB", (size, size))
    canvas, top = ImageDraw.Draw(image), 0
    while top < size:
        height = int(6 * (40 / 6) ** random.random())
        first, second = two_colours(random) if random.random() < 0.5 else random.permutation(np.stack([BLACK, WHITE]))
        canvas.rectangle((0, top, size, top + height + 4), colour(first))
        shuffled = (letters[random.integers(len(letters))] for _ in range(2 * size // height))
        text = "".join(" " if random.random() < 0.15 else letter for letter in shuffled)
        canvas.text((2, top), text, colour(second), ImageFont.load_default(height))
        top += height + 4
    return np.asarray(image).copy()
