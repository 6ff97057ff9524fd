"""Between frames as films have them and RGB or grey pictures of 8 bits, by the film's own matrix and range."""

from dataclasses import dataclass

import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from tvm_srq.errors import UserError

UNSPECIFIED = 2  # of matrices, primaries and transfers, as ITU-T H.273 has them
RGB = 0
BT709, BT601 = 1, 5
MATRICES = {BT709: Colorspace.ITU709, 4: Colorspace.FCC, BT601: Colorspace.ITU601, 6: Colorspace.ITU601,
            7: Colorspace.SMPTE240M, 9: Colorspace.BT2020}  # fmt: skip
EXACT = (
    Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
    | Interpolation.BITEXACT
)  # fmt: skip
"""Chroma is interpolated, and bytes are the same on every processor."""
STUDIO = np.arange(256)  # 16 is black and 235 white in limited range
FROM_LIMITED = np.clip(np.floor((STUDIO - 16) * 255 / 219 + 0.5), 0, 255).astype(np.uint8)
TO_LIMITED = np.floor(STUDIO * 219 / 255 + 16.5).astype(np.uint8)


@dataclass(frozen=True)
class Colours:
    """What a film says of its colours, in the numbers of ITU-T H.273 (range: 0 unspecified, 1 limited, 2 full)."""

    matrix: int
    range: int
    primaries: int
    transfer: int


def colours_of(frame: VideoFrame, path: object) -> Colours:
    """Of a frame, with a matrix that is known.

    A film that names no matrix has the one that players take for its size. That is written into the output: it may be of the size
    for which they take the other one. Grey that names no range has the full one, as FFmpeg has it, which H.264 has to be told.

    Raises:
        UserError: its matrix is one that is not converted.
    """
    matrix = frame.colorspace
    if frame.format.is_rgb:
        matrix = RGB
    elif matrix == UNSPECIFIED:
        matrix = BT709 if frame.width >= 1280 or frame.height > 576 else BT601
    elif matrix not in MATRICES:
        raise UserError(f"{path} has the colour matrix {matrix} of ITU-T H.273, which is not converted; make it BT.709 first")
    tone = frame.color_range
    if frame.format.name.startswith("yuvj") or (is_grey(frame.format) and tone == ColorRange.UNSPECIFIED):
        tone = int(ColorRange.JPEG)
    return Colours(matrix, tone, frame.color_primaries, frame.color_trc)


def is_grey(form: VideoFormat) -> bool:
    """Whether frames of a format have luma alone, and alpha perhaps."""
    return not form.is_rgb and not form.has_palette and sum(not part.is_alpha for part in form.components) == 1


def to_picture(frame: VideoFrame, reformatter: VideoReformatter, path: object) -> NDArray[np.uint8]:
    """(H, W, 3) RGB of a frame, or (H, W, 1) of a grey one, of full range."""
    colours = colours_of(frame, path)
    if is_grey(frame.format):
        values = array_of(reformatter.reformat(frame, format="gray", interpolation=EXACT, threads=1))
        return (FROM_LIMITED[values] if colours.range == ColorRange.MPEG else values)[:, :, None]
    source = None if colours.matrix == RGB else MATRICES[colours.matrix]
    made = reformatter.reformat(
        frame, format="rgb24", src_colorspace=source, dst_color_range=ColorRange.JPEG, interpolation=EXACT, threads=1
    )
    return array_of(made)


def array_of(frame: VideoFrame) -> NDArray[np.uint8]:
    """The pixels of a frame of 8 bits."""
    return np.asarray(frame.to_ndarray(), np.uint8)


def to_frame(picture: NDArray[np.uint8], form: str, colours: Colours, reformatter: VideoReformatter) -> VideoFrame:
    """A frame of a pixel format from (H, W, 3) RGB or (H, W, 1) grey."""
    if picture.shape[2] == 1:
        if form == "gray":
            values = TO_LIMITED[picture[:, :, 0]] if colours.range == ColorRange.MPEG else picture[:, :, 0]
            return tagged(VideoFrame.from_ndarray(np.ascontiguousarray(values), "gray"), colours)
        picture = np.repeat(picture, 3, axis=2)
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
    if VideoFormat(form, 2, 2).is_rgb:
        return tagged(reformatter.reformat(frame, format=form, interpolation=EXACT, threads=1), colours)
    full = colours.range == ColorRange.JPEG
    made = reformatter.reformat(
        frame, format=form, dst_colorspace=MATRICES[colours.matrix], dst_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
        interpolation=EXACT, threads=1,
    )  # fmt: skip
    return tagged(made, colours)


def tagged(frame: VideoFrame, colours: Colours) -> VideoFrame:
    """The frame, saying what its colours are."""
    frame.colorspace, frame.color_range = colours.matrix, colours.range
    frame.color_primaries, frame.color_trc = colours.primaries, colours.transfer
    return frame
