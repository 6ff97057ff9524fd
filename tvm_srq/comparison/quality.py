"""What networks make of pictures: PSNR-Y over a dataset, and flat colours, against the float32 network they were made of."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tvm_srq.comparison.entry import Entry, read_entry
from tvm_srq.comparison.row import Scores
from tvm_srq.data.datasets import find_dataset, pairs
from tvm_srq.data.pictures import in_grey
from tvm_srq.errors import UserError
from tvm_srq.metrics import psnr_y
from tvm_srq.quant.reports.flat_colours import Upscaler, colours_shown, flat_pictures

if TYPE_CHECKING:
    from tvm_srq.graph.picture_options import PictureOptions

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


@dataclass(frozen=True)
class FloatResults:
    """What a float32 network makes.

    Attributes:
        pictures: of a dataset's pictures, in its order.
        colours: (N, C) grey levels, of flat pictures.
    """

    pictures: list[NDArray[np.uint8]]
    colours: NDArray[np.float64]


class Quality:
    """Scores networks on one dataset.

    Args:
        dataset: a folder, or a name under ``$TVM_SRQ_DATA``.
        network: the checkpoint that all of the entries were made of; by default each one's is looked for among the entries, by
            the description that an artifact has of its network.
        scale, picture: of checkpoints (tvm_srq.networks.load_graph).

    Raises:
        UserError: there is no such dataset, its pictures are too small, or the checkpoint is of another scale.
    """

    def __init__(
        self, dataset: str, entries: Sequence[Entry], network: str | None = None, scale: int | None = None,
        picture: PictureOptions | None = None,
    ) -> None:  # fmt: skip
        self.entries, self.scale, self.picture = list(entries), scale, picture
        folder = find_dataset(dataset, os.environ.get("TVM_SRQ_DATA"))
        kinds = sorted({(entry.scale, entry.channels) for entry in entries})
        self.pairs = {(scale, channels): read_pairs(pairs(folder, scale), channels) for scale, channels in kinds}
        smallest = max(entry.smallest for entry in entries)
        for (low, _) in (pair for several in self.pairs.values() for pair in several):
            if min(low.shape[:2]) < smallest:
                size, least = f"{low.shape[0]}x{low.shape[1]}", f"{smallest}x{smallest}"
                raise UserError(
                    f"dataset {dataset} has a low-resolution picture of {size} pixels, and a network works on {least} or more; "
                    "take that picture out"
                )
        self.flat = {channels: flat_pictures(channels, smallest) for _, channels in kinds}
        named = None if network is None else read_entry(network, network, scale, picture)
        self.references = {entry.path: reference_of(entry, entries, named) for entry in entries}
        self.results: dict[Path, FloatResults] = {}

    def prepare(self) -> None:
        """Run the float32 networks, so that nothing has to while others are measured."""
        from tvm_srq.upscalers import load_upscaler

        for reference in {entry.path: entry for entry in self.references.values() if entry is not None}.values():
            upscale = load_upscaler(reference.path, None, self.scale, self.picture).upscale
            made = [upscale(low) for low, _ in self.pairs[reference.scale, reference.channels]]
            self.results[reference.path] = FloatResults(made, colours_shown(upscale, self.flat[reference.channels]))

    @property
    def unknown(self) -> list[Entry]:
        """Entries whose float32 network is not known."""
        return [entry for entry in self.entries if self.references[entry.path] is None]

    def scores(self, entry: Entry, upscale: Upscaler) -> Scores:
        """Run an entry's network, wherever it is, over all pictures. A float32 network is not compared with itself."""
        pictures = self.pairs[entry.scale, entry.channels]
        made = [upscale(low) for low, _ in pictures]
        own = mean_psnr(made, [high for _, high in pictures], entry.scale)
        reference = self.references[entry.path]
        if reference is None or reference.path == entry.path:
            return Scores(own)
        exact = self.results[reference.path]
        shift = np.abs(colours_shown(upscale, self.flat[entry.channels]) - exact.colours).max()
        return Scores(own, mean_psnr(made, exact.pictures, entry.scale), float(shift))


def read_pairs(found: Iterable[tuple[str, NDArray[np.uint8], NDArray[np.uint8]]], channels: int) -> list[Pair]:
    """(low, high) pictures in a network's colours: grey networks get the luma."""
    return [(in_grey(low), in_grey(high)) if channels == 1 else (low, high) for _, low, high in found]


def mean_psnr(made: Sequence[NDArray[np.uint8]], wanted: Sequence[NDArray[np.uint8]], scale: int) -> float:
    """Mean PSNR-Y in dB, which is infinite if one pair of pictures is equal."""
    return float(np.mean([psnr_y(one, other, scale) for one, other in zip(made, wanted, strict=True)]))


def reference_of(entry: Entry, entries: Sequence[Entry], named: Entry | None) -> Entry | None:
    """The float32 network that an entry was made of; None where it is not known.

    Raises:
        UserError: the one that is named takes or makes other pictures.
    """
    if not entry.compiled:
        return entry
    if named is None:
        alike = (other for other in entries if not other.compiled and kind_of(other) == kind_of(entry))
        return next((other for other in alike if other.description == entry.description), None)
    if named.compiled:
        raise UserError(f"--network {named.path} is compiled; give the checkpoint that the networks were quantized from")
    if kind_of(named) != kind_of(entry):
        scales = f"scale {named.scale} and {named.channels} channels, {entry.path} of scale {entry.scale} and {entry.channels}"
        raise UserError(f"--network {named.path} is of {scales}; give the checkpoint that all networks were quantized from")
    return named


def kind_of(entry: Entry) -> tuple[int, int]:
    return entry.scale, entry.channels
