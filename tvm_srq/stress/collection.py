"""The collection, in three parts that share no picture: one to fit ranges on, one to choose by, one for reports."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from tvm_srq.stress.colours import edges, gradients, squares, stripes
from tvm_srq.stress.drawings import flat_shaded, line_art
from tvm_srq.stress.gratings import checkerboards, waves, zone_plate
from tvm_srq.stress.halftones import dithered, printed
from tvm_srq.stress.lettering import lettering
from tvm_srq.stress.scenes import facade, widgets


class Part(Enum):
    """What pictures are for; the value is a part of their seeds."""

    FIT = 1
    CHOOSE = 2
    REPORT = 3


KINDS: tuple[Callable[[int, np.random.Generator], NDArray[np.uint8]], ...] = (
    squares, edges, stripes, gradients, zone_plate, waves, checkerboards, lettering, line_art, flat_shaded, facade, widgets,
    printed, dithered,
)  # fmt: skip


def drawn_pictures(part: Part, size: int, of_each: int = 1) -> dict[str, NDArray[np.uint8]]:
    """(size, size, 3) pictures by name, ``of_each`` of every kind. The same ones at every call."""
    return {
        f"{kind.__name__}_{number}": kind(size, np.random.default_rng((part.value, place, number)))
        for place, kind in enumerate(KINDS)
        for number in range(of_each)
    }
