"""What pictures a program takes."""

import numpy as np
from numpy.typing import NDArray

from tvm_srq.errors import UserError
from tvm_srq.program import Program


def require_picture(program: Program, picture: NDArray) -> NDArray[np.uint8]:
    """The picture as kernels take it: (H, W, C) uint8, contiguous. Grey pictures may also be (H, W).

    Raises:
        UserError: it has other channels, or another type, or is smaller than the network needs.
    """
    grey, smallest = program.channels == 1, program.smallest
    channelled = picture[..., None] if grey and picture.ndim == 2 else picture
    if channelled.ndim != 3 or channelled.shape[2] != program.channels or picture.dtype != np.uint8 or picture.size == 0:
        shapes, colours = ("(H, W) or (H, W, 1)", "grey") if grey else ("(H, W, 3)", "RGB")
        raise UserError(f"a picture must be {shapes} uint8, not {picture.shape} {picture.dtype}; convert it to {colours}")
    height, width = channelled.shape[:2]
    if min(height, width) < smallest:
        raise UserError(
            f"a picture of {height}x{width} pixels is too small for this network, which needs {smallest}x{smallest} at least; "
            "give it a larger one"
        )
    return np.require(channelled, requirements=["C", "W"])
