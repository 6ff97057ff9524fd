"""Writing a picture file with all that its format can hold."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tvm_srq.data.pictures import save_image
from tvm_srq.pictures.formats import FORMATS, OTHER, Format
from tvm_srq.pictures.metadata import save_options
from tvm_srq.pictures.picture import ENDLESS, Frame, Picture

GIF_TICK = 10  # milliseconds
GIF_COLOURS = 256
ERASED = 2  # GIF's disposal that makes a frame's pixels transparent again


def write_whole(path: str | Path, picture: Picture, name: str, quality: int | None = None) -> list[str]:
    """Write a picture file, whole or not at all.

    Args:
        name: the format's, Pillow's. quality: of formats that have one.

    Returns:
        What of the picture the file does not hold, in words, what reading had lost first.

    Raises:
        UserError: the format cannot hold pictures of this size, or the file cannot be written.
    """
    form = FORMATS.get(name, OTHER)
    frames, lost = kept_frames(picture, name, form)
    modes, flattened = modes_of(frames, form, picture.sequence == "pages")
    images = [image_of(frame, mode) for frame, mode in zip(frames, modes)]
    width, height = images[0].size
    options, unheld = save_options(picture.metadata, name, form, modes[0], (width, height))
    if form.quality is not None:
        options["quality"] = quality or form.quality
    elif quality is not None:
        lost.append(f"the quality {quality} ({name} has none)")
    lost += [*flattened, *unheld]
    if name == "GIF":
        reduced = [gif_image(image) for image in images]
        images = [image for image, _ in reduced]
        lost += [words for _, several in reduced for words in several]
    if len(images) > 1:
        timing, inexact = sequence_options(picture, frames, name, "A" in modes[0])
        options |= {"save_all": True, "append_images": images[1:], **timing}
        lost += inexact
    save_image(path, images[0], name, **options)
    return list(dict.fromkeys([*picture.lost, *lost]))


def kept_frames(picture: Picture, name: str, form: Format) -> tuple[list[Frame], list[str]]:
    """Frames that the format can hold, and what becomes of the others."""
    frames = picture.frames
    if len(frames) == 1:
        return frames, []
    if form.sequence != picture.sequence:
        what = "the animation" if picture.sequence == "animation" else "pages"
        return frames[:1], [f"{what} (the first of {len(frames)} {'frames' if what != 'pages' else 'pages'} is written)"]
    if picture.still_first and name != "PNG":
        return frames[1:], ["the still picture before the animation"]
    return frames, []


def modes_of(frames: list[Frame], form: Format, apart: bool) -> tuple[list[str], list[str]]:
    """Pillow's mode for each frame, the same for all unless they are ``apart``; and what is lost by it."""
    groups = [[frame] for frame in frames] if apart else [frames]
    modes, lost = [], []
    for group in groups:
        grey, alpha = all(frame.grey for frame in group), any(frame.alpha is not None for frame in group)
        wanted = [*(["LA"] if grey and alpha else []), *(["RGBA"] if alpha else []), *(["L"] if grey else []), "RGB"]
        mode = next(mode for mode in wanted if mode in form.modes)
        if "A" not in mode and any(frame.alpha is not None and frame.alpha.min() < 255 for frame in group):
            lost.append("transparency (put on white)")
        modes += [mode] * len(group)
    return modes, lost


def image_of(frame: Frame, mode: str) -> Image.Image:
    """A frame as an image of Pillow's; one in a mode without alpha is put on white."""
    image = Image.fromarray(frame.colours[:, :, 0] if frame.grey else frame.colours)
    if frame.alpha is not None:
        alpha = Image.fromarray(np.ascontiguousarray(frame.alpha))
        if "A" in mode:
            image.putalpha(alpha)
        else:
            image = Image.composite(image, Image.new(image.mode, image.size, "white"), alpha)
    return image if image.mode == mode else image.convert(mode)


def gif_image(image: Image.Image) -> tuple[Image.Image, list[str]]:
    """As GIF has it: pixels are transparent or not, what is transparent has one colour; and what is lost by that."""
    lost = []
    if image.mode == "RGBA":
        alpha = np.asarray(image.getchannel("A"))
        visible = alpha >= 128
        if ((alpha > 0) & (alpha < 255)).any():
            lost.append("partial transparency (GIF has all or nothing)")
        pixels = np.asarray(image) * visible[:, :, None]
        pixels[:, :, 3] = np.where(visible, 255, 0)
        image = Image.fromarray(pixels)
    if image.mode != "L" and image.getcolors(GIF_COLOURS) is None:
        lost.append(f"colours (GIF has {GIF_COLOURS} a frame)")
    return image, lost


def sequence_options(picture: Picture, frames: list[Frame], name: str, alpha: bool) -> tuple[dict[str, Any], list[str]]:
    """Pillow's options for durations and loops, and what the format cannot hold of them."""
    if picture.sequence == "pages":
        return {}, []
    durations: list[float] = [frame.duration for frame in frames]
    if name == "PNG":
        shown = durations[1:] if picture.still_first else durations
        return {"duration": shown, "loop": picture.plays, "default_image": picture.still_first}, []
    if name == "GIF":
        ticks = [max(round(duration / GIF_TICK), 0) * GIF_TICK for duration in durations]
        options: dict[str, Any] = {"duration": ticks, "disposal": ERASED if alpha else 1}
        if picture.plays != 1:
            options["loop"] = max(picture.plays - 1, 0)
        return options, ["exact durations (GIF has hundredths of a second)"] if ticks != durations else []
    whole = [round(duration) for duration in durations]
    lost = ["exact durations (whole milliseconds are written)"] if whole != durations else []
    if name == "AVIF":
        return {"duration": whole}, [*lost, *(["how often it is shown"] if picture.plays != ENDLESS else [])]
    return {"duration": whole, "loop": picture.plays}, lost
