"""What every peer is given, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Upscaler = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""(H, W, 3) uint8 -> (scale * H, scale * W, 3) uint8."""


class PeerUnavailableError(Exception):
    """A peer cannot run here; the message, one clause, goes into the table."""


@dataclass(frozen=True)
class Peer:
    """A row of the comparison.

    Attributes:
        name: row name.
        kind: arithmetic, ``fp32``, ``bf16``, ``int8``; ``ours`` for our own artifacts.
        module, function: what builds it, called as ``function(task, *arguments)``.
        arguments: further strings for the function.
    """

    name: str
    kind: str
    module: str
    function: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """The same for all peers.

    Attributes:
        checkpoint: the network's file, which tvm_srq.networks.load_graph reads with its scale.
        calibration: low-resolution pictures for peers that quantize, cut to one size.
        cache: folder where built models are kept by content.
        height, width: of the benchmark's picture.
        scale: the network's upscaling factor.
        threads: a peer may use at most so many.
    """

    checkpoint: Path
    calibration: tuple[Path, ...]
    cache: Path
    height: int
    width: int
    scale: int
    threads: int


@dataclass(frozen=True)
class Built:
    """A peer ready to run: its picture function, versions, and what was chosen for it, for the notes."""

    upscale: Upscaler
    version: str
    note: str = ""
