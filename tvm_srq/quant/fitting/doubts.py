"""What of a calibration folder cannot go well, and what it costs: told on standard error, before anything is computed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tvm_srq.data.pictures import read_picture
from tvm_srq.errors import shortened

FEWEST = 8
PATCH = 48  # pixels: of what is trained on, and of what candidates are compared on


def warn_of_pictures(paths: list[Path], channels: int) -> None:
    """Tell what is doubtful about the pictures that a network of ``channels`` is calibrated with.

    Raises:
        UserError: one is unreadable.
    """
    for doubt in doubts(paths, channels):
        print(f"calibration: {doubt}", file=sys.stderr)


def doubts(paths: list[Path], channels: int) -> Iterator[str]:
    """One sentence for each; pictures are looked at one by one."""
    seen = [looked_at(read_picture(path, channels)) for path in paths]
    small, flat = ([path for path, found in zip(paths, seen, strict=True) if found[kind]] for kind in (0, 1))
    if len(paths) < FEWEST:
        yield (
            f"{counted(len(paths))} few, so values that other pictures have may lie outside the codes' ranges and be clipped; "
            f"give {FEWEST} or more"
        )
    if small:
        yield (
            f"{named(small, len(paths))} smaller than {PATCH} x {PATCH} pixels, so that borders count for more than they do in "
            "whole pictures; give larger ones"
        )
    if flat:
        yield f"{named(flat, len(paths))} all one colour, without edges: ranges come out too narrow for these; give photographs"


def looked_at(picture: NDArray[np.uint8]) -> tuple[bool, bool]:
    """Whether an (H, W, C) picture is small, and whether it is all one colour."""
    return min(picture.shape[:2]) < PATCH, bool((picture == picture[:1, :1]).all())


def counted(count: int) -> str:
    return "1 picture is" if count == 1 else f"{count} pictures are"


def named(paths: list[Path], of: int) -> str:
    """The pictures that are meant: the first by name, the others by number."""
    first = shortened(paths[0].name, 60)
    if len(paths) == 1:
        return f"{first} is"
    return f"all {of} pictures are" if len(paths) == of else f"{first} and {len(paths) - 1} more of {of} pictures are"
