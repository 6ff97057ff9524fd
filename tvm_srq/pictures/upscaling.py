"""A network over a picture's frames: colours, grey and alpha."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.data.pictures import has_colours, in_grey
from tvm_srq.errors import UserError
from tvm_srq.pictures.alpha import filled
from tvm_srq.pictures.picture import Frame, Picture
from tvm_srq.upscalers import Loaded


def upscale_picture(picture: Picture, loaded: Loaded, alpha: str, path: str | Path) -> Picture:
    """Every frame upscaled.

    Args:
        alpha: how it is: "network", "bicubic" or "drop".
        path: for messages.

    Raises:
        UserError: the network takes grey pictures and this one has colours, or it is too small for the network.
    """
    return picture.with_frames([upscale_frame(frame, loaded, alpha, path) for frame in picture.frames])


def upscale_frame(frame: Frame, loaded: Loaded, alpha: str, path: str | Path) -> Frame:
    """As :func:`upscale_picture`, one frame."""
    if frame.alpha is None or alpha == "drop":
        return Frame(upscale_colours(frame.colours, loaded, path), None, frame.duration)
    colours = upscale_colours(filled(frame.colours, frame.alpha), loaded, path)
    if alpha == "network":
        enlarged = upscale_grey(frame.alpha[:, :, None], loaded)[:, :, 0]
    else:
        enlarged = resize_bicubic(frame.alpha, loaded.scale)
    return Frame(colours, enlarged, frame.duration)


def upscale_colours(colours: NDArray[np.uint8], loaded: Loaded, path: str | Path) -> NDArray[np.uint8]:
    """(H, W, C) -> (scale * H, scale * W, C), or of 1 channel by a grey network, which gets grey pictures only.

    Raises:
        UserError: it has colours, which would be lost.
    """
    if colours.shape[2] == 1:
        return upscale_grey(colours, loaded)
    if loaded.channels != 1:
        return loaded.upscale(np.ascontiguousarray(colours))
    if has_colours(colours):
        raise UserError(f"{path} has colours, and the network upscales grey pictures: convert it to grey")
    return loaded.upscale(in_grey(colours))


def upscale_grey(values: NDArray[np.uint8], loaded: Loaded) -> NDArray[np.uint8]:
    """(H, W, 1) -> (scale * H, scale * W, 1): by an RGB network in three equal channels, of whose result the luma is taken."""
    if loaded.channels == 3:
        return in_grey(loaded.upscale(np.repeat(values, 3, axis=2)))
    return loaded.upscale(np.ascontiguousarray(values))
