"""Options that say how a network wants its pictures, where its file does not (ONNX, .pt2)."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from tvm_srq.errors import UserError

if TYPE_CHECKING:
    from tvm_srq.graph.picture_options import PictureOptions


def add_arguments(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("how pictures go in and come out, where the network does not say (docs/networks.md)")
    group.add_argument("--white", metavar="VALUE", help="the network's input for a white pixel: 1 (default) or 255")
    group.add_argument("--colours", metavar="ORDER", help="rgb, bgr (blue first) or grey; by its channels")
    group.add_argument("--mean", metavar="R,G,B", help="subtracted before the network and added behind it, in its input's values")
    group.add_argument("--output-range", metavar="BLACK,WHITE", help="of what the network makes; 0 and white by default")


def picture_options(parsed: argparse.Namespace) -> PictureOptions:
    """What was said.

    Raises:
        UserError: it is nothing that a network can have.
    """
    from tvm_srq.graph.picture_options import PictureOptions

    white, mean, output_range = (numbers(getattr(parsed, name), name) for name in ("white", "mean", "output_range"))
    if white is not None and len(white) != 1:
        raise UserError(f"--white is a number, not {parsed.white!r}")
    ends: Any = output_range  # two, which is checked
    return PictureOptions(white and white[0], parsed.colours, mean, ends)


def numbers(text: str | None, name: str) -> tuple[float, ...] | None:
    """Numbers with commas between them.

    Raises:
        UserError: they are none.
    """
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        what = "a number" if name == "white" else "numbers with commas between them"
        raise UserError(f"--{name.replace('_', '-')} is {what}, not {text!r}") from None
