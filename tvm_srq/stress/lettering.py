"""Lettering of many sizes, in two colours a line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tvm_srq.stress.canvas import colour
from tvm_srq.stress.colours import two_colours
from tvm_srq.stress.gratings import BLACK, WHITE

LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789&%@#?!()[]{}<>/+-=*:;.,"
SCRIPTS = {
    "Latin": LATIN + "ÄÖÜßàçéîñøåžłŚđ",
    "Greek": "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξοπρστυφχψω",
    "Cyrillic": "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмнопрстуфхцчшщъыьэюя",
    "Armenian": "ԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔաբգդեզէըթժիլխծկհ",
    "Georgian": "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
}


def lettering(
    size: int, random: np.random.Generator, letters: str = LATIN, font_file: str | None = None
) -> NDArray[np.uint8]:
    """Lines of random letters of 6 to 40 pixels; half of the lines black on white or white on black.

    Args:
        font_file: a TrueType font that has the letters; by default Pillow's own, for ``LATIN``.
    """
    image = Image.new("RGB", (size, size))
    canvas, top = ImageDraw.Draw(image), 0
    while top < size:
        height = int(6 * (40 / 6) ** random.random())
        first, second = two_colours(random) if random.random() < 0.5 else random.permutation(np.stack([BLACK, WHITE]))
        canvas.rectangle((0, top, size, top + height + 4), colour(first))
        shuffled = (letters[random.integers(len(letters))] for _ in range(2 * size // height))
        text = "".join(" " if random.random() < 0.15 else letter for letter in shuffled)
        font = ImageFont.load_default(height) if font_file is None else ImageFont.truetype(font_file, height)
        canvas.text((2, top), text, colour(second), font)
        top += height + 4
    return np.asarray(image).copy()
