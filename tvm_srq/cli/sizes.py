"""Sizes of pictures on the command line."""

import re

from tvm_srq.errors import UserError


def picture_size(text: str) -> tuple[int, int]:
    """``ROWSxCOLUMNS`` as numbers."""
    size = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if size is None:
        raise UserError(f"--size {text} is no picture size; give rows and columns, as 60x160")
    rows, columns = (int(part) for part in size.groups())
    return rows, columns
