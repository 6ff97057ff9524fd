"""Sizes of pictures on the command line."""

import re

from tvm_srq.errors import UserError, shortened

MOST_PIXELS = 1 << 28


def picture_size(text: str) -> tuple[int, int]:
    """``ROWSxCOLUMNS`` as numbers."""
    size = re.fullmatch(r"([1-9][0-9]{0,8})x([1-9][0-9]{0,8})", text)
    if size is None:
        raise UserError(f"--size {shortened(text)} is no picture size; give rows and columns, as 60x160")
    rows, columns = (int(part) for part in size.groups())
    if rows * columns > MOST_PIXELS:
        raise UserError(f"--size {text} has more than {MOST_PIXELS} pixels; give a smaller one")
    return rows, columns
