"""An ONNX file as a graph for pictures of any size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from tvm_srq.errors import UserError
from tvm_srq.graph.builder import check
from tvm_srq.graph.graph import PICTURE, Graph
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.normalize import normalized
from tvm_srq.graph.normalize.any_size import for_any_size, without_unused
from tvm_srq.graph.picture_options import CHANNELS, UNTOLD, PictureOptions
from tvm_srq.graph.sources.around import around
from tvm_srq.graph.sources.batch_norms import fold_batch_norms
from tvm_srq.graph.sources.onnx.file import Model, Tensor, read_model
from tvm_srq.graph.sources.onnx.handlers import HANDLERS
from tvm_srq.graph.sources.onnx.translation import OnnxTranslation, Uneven
from tvm_srq.graph.sources.sizes import Samples
from tvm_srq.graph.sources.trace import first_line, sample_sizes

FLOATS = ("float16", "float32", "float64", "bfloat16")
MULTIPLES = (2, 3, 4, 8, 16, 32, 64)
SAMPLED_FROM = 64  # networks work on pictures of this many rows, and of those a file is looked at for how sizes follow from it
LARGEST_SMALLEST = 64

Ranges = dict[str, tuple[float, float]]
"""Ends of values' ranges, by names of nodes."""


@dataclass(frozen=True)
class OnnxImport:
    """What a file holds.

    Attributes:
        ranges: of values that the file quantizes (``picture``: of the input); those within functions that became one node are
            left out.
    """

    graph: Graph
    ranges: Ranges


def graph_of_onnx(path: str | Path, options: PictureOptions = UNTOLD) -> Graph:
    """The graph of an ONNX file, as :func:`import_onnx`."""
    return import_onnx(path, options).graph


def import_onnx(path: str | Path, options: PictureOptions = UNTOLD) -> OnnxImport:
    """Read a super-resolution network from an ONNX file of opset 9 to 23, in floats of any width or with QDQ pairs.

    Args:
        options: how pictures go in and come out, which files do not say.

    Raises:
        UserError: the onnx package is missing, the file is damaged, something in it has no place in a graph, or the options
            contradict it; by name.
    """
    model = read_model(path)
    last = channels_last(model.input)
    channels = model.input.lengths[3 if last else 1] or CHANNELS[options.colours or "rgb"]
    form = options.format(str(path), channels, 255.0 if model.input.dtype == "uint8" else None)
    translation, output = translated(model, channels, last)
    if output == PICTURE:
        raise UserError(f"{path} gives its picture back as it is: there is no network in it")
    fixed = model.input.lengths[1:3] if last else model.input.lengths[2:]
    description = described(model, fixed)
    builder = translation.builder
    graph = Graph(tuple(builder.nodes), builder.parameters, form, 1, 1, description)
    graph = fold_batch_norms(without_unused(graph, output), translation.batch_norms)
    for run in (normalized, for_any_size):
        graph = run(graph)
    graph = check(graph)
    graph = around(check(replace(graph, smallest=smallest_size(graph))), options)
    names = {node.name for node in graph.nodes} | {PICTURE}
    return OnnxImport(graph, {name: found for name, found in translation.ranges.items() if name in names})


def translated(model: Model, channels: int, last: bool) -> tuple[OnnxTranslation, str]:
    """The file's operations as nodes, and the output's name; at sizes that are multiples of something where others do not go.

    Raises:
        UserError: as :meth:`OnnxTranslation.run`.
    """
    assert HANDLERS
    first: UserError | None = None
    for multiple in (1, *MULTIPLES):
        translation = OnnxTranslation(model, samples_of(model.input, last, multiple), channels, last)
        try:
            return translation, translation.run()
        except Uneven as failure:
            first = first or failure
    assert first is not None
    raise first


def channels_last(tensor: Tensor) -> bool:
    """Whether pictures are (1, H, W, channels).

    Raises:
        UserError: they are no batches of one picture of 1 or 3 channels.
    """
    lengths = tensor.lengths
    if len(lengths) != 4 or lengths[0] not in (1, None):
        shown = " x ".join("any" if length is None else str(length) for length in lengths)
        raise UserError(f"the network takes {tensor.name} of the shape {shown}, not one picture (1, channels, rows, columns)")
    if tensor.dtype not in (*FLOATS, "uint8"):
        raise UserError(f"the network takes pictures of the type {tensor.dtype}, not floats or bytes")
    if lengths[1] in (1, 3, None) and not (lengths[1] is None and lengths[3] in (1, 3)):
        return False
    if lengths[3] in (1, 3):
        return True
    raise UserError(f"the network takes {lengths[1]} channels: pictures of 1 or 3 are known")


def samples_of(tensor: Tensor, last: bool, multiple: int) -> Samples:
    """Sizes of pictures to look at the file with; a file for one size has this one."""
    rows, columns = tensor.lengths[1:3] if last else tensor.lengths[2:]
    if rows and columns:
        return ((rows, columns),)
    low = -(-SAMPLED_FROM // multiple)
    sizes = sample_sizes(low)
    return tuple((rows or height * multiple, columns or width * multiple) for height, width in sizes)


def described(model: Model, fixed: tuple[int | None, ...]) -> str:
    if not any(fixed):
        return model.description
    size = " x ".join("any" if length is None else str(length) for length in fixed)
    return f"{model.description}, made for pictures of {size}; its graph takes any size"


def smallest_size(graph: Graph) -> int:
    """The fewest rows and columns that a graph works on.

    Raises:
        UserError: it does not work.
    """
    network, failure = GraphNetwork(graph), None
    with torch.no_grad():
        for size in range(1, LARGEST_SMALLEST + 1):
            try:
                made = network(torch.zeros(1, graph.picture.channels, size, size + 1))
            except Exception as raised:  # whatever PyTorch's operators raise
                failure = raised
                continue
            if made.shape == (1, graph.picture.channels, graph.scale * size, graph.scale * (size + 1)):
                return size
    raise UserError(f"the network makes no larger picture of one of {LARGEST_SMALLEST} pixels: {first_line(failure)}")
