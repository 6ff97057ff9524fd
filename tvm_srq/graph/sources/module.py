"""Any PyTorch super-resolution network as a graph."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import nn

from tvm_srq.checks import not_finite
from tvm_srq.errors import UserError
from tvm_srq.graph.graph import Graph, PictureFormat
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.normalize import normalized
from tvm_srq.graph.picture_options import CHANNELS, UNTOLD, PictureOptions
from tvm_srq.graph.sources.batch_norms import fold_batch_norms
from tvm_srq.graph.sources.calls import Calls
from tvm_srq.graph.sources.handlers import HANDLED
from tvm_srq.graph.sources.trace import first_line, traced
from tvm_srq.graph.sources.translation import Translation

TOLERANCE = 1e-4  # of the output's range: float32 sums in another order differ by less
ODD = (67, 81)
EVEN = (64, 80)
TRIED = (*range(1, 17), 20, 24, 32, 40, 48, 56, 64)
"""Heights tried for the smallest picture that a network works on."""


class NotGeneralError(UserError):
    """The graph found at one size is not the network at others; another size may show more."""


def graph_of_module(
    module: nn.Module, picture: PictureFormat, smallest: int | None = None, description: str = "",
    size_hint: tuple[int, int] | None = None, plain: bool = False,
) -> Graph:  # fmt: skip
    """A network's graph, found by exporting it and checked against it on pictures of several sizes.

    Args:
        module: (1, channels, H, W) float32 -> (1, channels, scale * H, scale * W), for any H and W from ``smallest`` on.
        smallest: found by trying where it is not given.
        size_hint: a height and a width that the module works on. Two are tried: multiples of nothing, since code that pads to
            multiples may do nothing otherwise, and multiples of 16, which some networks want.
        plain: the module has no operator of program.FOREIGN, which :func:`traced` has to find out otherwise.

    Raises:
        UserError: PyTorch cannot export it, an operation has no place in a graph, or the graph does something else; by name.
    """
    failures: list[Exception] = []
    with evaluating(module):
        for hint in [size_hint] if size_hint else [ODD, EVEN]:
            try:
                low = smallest or smallest_size(module, picture, hint)
                calls = traced(module, picture.channels, hint, low, HANDLED, plain)
                graph = graph_of_calls(calls, picture, low, description)
                compare(module, graph, comparison_sizes(low, hint))
                return graph
            except NotGeneralError as failure:
                failures.append(failure)
    raise failures[0]


def require_finite(tensors: Mapping[str, torch.Tensor], owner: str) -> None:
    """Raises UserError where parameters or statistics have values that are not finite in float32; by name."""
    for name, tensor in tensors.items():
        if isinstance(tensor, torch.Tensor) and tensor.is_floating_point() and not torch.isfinite(tensor.float()).all():
            raise not_finite(name, owner)


def channels_of(module: nn.Module, options: PictureOptions = UNTOLD) -> int:
    """How many channels a module's pictures have, by trying; 3 where it takes none of 1 or 3, which is told later."""
    tried = sorted((3, 1), key=lambda channels: channels != CHANNELS[options.colours or "rgb"])
    with evaluating(module):
        for channels in tried:
            for size in (ODD, EVEN):
                with contextlib.suppress(Exception):  # whatever a network's own code raises
                    module(torch.zeros(1, channels, *size))
                    return channels
    return tried[0]


@contextlib.contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """The module in evaluation mode, without gradients, and as it was afterwards."""
    training = [part for part in module.modules() if part.training]
    try:
        with torch.no_grad():
            yield module.eval()  # type: ignore[misc]
    finally:
        for part in training:
            part.training = True


def smallest_size(module: nn.Module, picture: PictureFormat, hint: tuple[int, int]) -> int:
    """The fewest rows and columns that a module works on.

    Raises:
        UserError: it works on none up to the hint.
    """
    failure: Exception | None = None
    for size in [*(size for size in TRIED if size < min(hint)), hint]:
        height, width = (size, size + 1) if isinstance(size, int) else size
        try:
            rows, columns = module(torch.zeros(1, picture.channels, height, width)).shape[2:]
        except Exception as raised:  # whatever a network's own code raises
            failure = raised
            continue
        if rows % height == 0 and rows > 0 and columns * height == rows * width:
            return height
    raise NotGeneralError(f"the network makes no larger picture of one of {hint[0]} x {hint[1]} pixels: {first_line(failure)}")


def graph_of_calls(calls: Calls, picture: PictureFormat, smallest: int, description: str) -> Graph:
    """The graph of a network's calls, normalized.

    Raises:
        UserError: a call has no place in a graph.
    """
    translation = Translation(calls, picture.channels)
    output = translation.run()
    graph = translation.builder.build(picture, output, smallest, description)
    return normalized(fold_batch_norms(graph, translation.batch_norms))


def comparison_sizes(smallest: int, hint: tuple[int, int]) -> list[tuple[int, int]]:
    """Sizes to compare at: the smallest, odd ones, and other remainders of the multiples that networks like."""
    return [(smallest, smallest + 3), (max(hint[0], smallest) - 1, max(hint[1], smallest) + 1), (smallest + 11, smallest + 6)]


def compare(module: nn.Module, graph: Graph, sizes: Iterable[tuple[int, int]]) -> None:
    """Raises UserError where graph and module differ on pictures of these sizes, or the module does not work on them."""
    network = GraphNetwork(graph)
    generator = torch.Generator().manual_seed(0)
    for height, width in sizes:
        picture = torch.rand(1, graph.picture.channels, height, width, generator=generator) * graph.picture.white
        try:
            expected = module(picture.clone())  # some scale it in place
        except Exception as failure:  # whatever a network's own code raises
            raise NotGeneralError(f"the network fails on {height} x {width} pixels: {first_line(failure)}") from failure
        try:
            made = network(picture)
        except RuntimeError as failure:  # sizes that its operators do not take
            raise NotGeneralError(f"the network's graph fails on {height} x {width} pixels: {first_line(failure)}") from failure
        difference = float((made - expected).abs().max()) if made.shape == expected.shape else math.inf
        if not difference <= TOLERANCE * max(float(expected.abs().max()), 1e-6):
            raise NotGeneralError(f"the network's graph is wrong for pictures of {height} x {width} pixels (by {difference:.2g})")
