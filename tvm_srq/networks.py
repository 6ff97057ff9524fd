"""A network from whatever file holds it: checkpoints, ONNX, torch.export programs and quantized networks, all as graphs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from torch import nn

from tvm_srq.errors import UserError
from tvm_srq.graph.graph import Graph, PictureFormat
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.models.base import Network

ASSUMED = PictureFormat(assumed="pixels from 0 to 1, red first")


def load_network(
    source: str | Path | nn.Module, scale: int | None = None, picture: PictureFormat | None = None
) -> GraphNetwork:
    """A network in float32, to run, observe and train: of a file (args and errors as :func:`load_graph`), or of a module.

    Args:
        source: or a PyTorch module, (1, C, H, W) -> (1, C, scale * H, scale * W) float32, for any H and W from some size on.

    Raises:
        UserError: as :func:`load_graph`.
    """
    if not isinstance(source, nn.Module):
        return GraphNetwork(load_graph(source, scale, picture))
    from tvm_srq.graph.sources.module import graph_of_module

    name = type(source).__name__
    return GraphNetwork(of_scale(graph_of_module(source, picture or ASSUMED, description=name), scale, name))


def load_graph(path: str | Path, scale: int | None = None, picture: PictureFormat | None = None) -> Graph:
    """The graph of a checkpoint, an ONNX file (.onnx) or a program of torch.export (.pt2).

    Args:
        scale: which one, of a checkpoint that serves several.
        picture: how pictures go in and come out, where the file does not say (ONNX, .pt2); 0..1, red first, if left out.

    Raises:
        UserError: the file is missing or damaged, its network is unknown or of another scale, or has something without a place in
            a graph; in one sentence.
    """
    path = Path(path)
    if path.suffix == ".onnx":
        from tvm_srq.graph.sources.onnx import graph_of_onnx

        return of_scale(graph_of_onnx(path, picture), scale, path)
    if path.suffix == ".pt2":
        from tvm_srq.graph.sources.program_file import graph_of_program, read_program

        return of_scale(graph_of_program(read_program(path), picture or ASSUMED, description=path.name), scale, path)
    if picture is not None:
        raise UserError(f"{path} is of a network that says how pictures go in and come out; leave the picture's format out")
    return graph_of_checkpoint(path, scale)


def of_scale(graph: Graph, scale: int | None, name: str | Path) -> Graph:
    if scale not in (None, graph.scale):
        raise UserError(f"{name} is of scale {graph.scale}, not {scale}; leave the scale out")
    return graph


def graph_of_checkpoint(path: Path, scale: int | None = None) -> Graph:
    """The graph of a checkpoint: of a network defined here, or of one that spandrel knows, where it is installed.

    Raises:
        UserError: as :func:`load_graph`.
    """
    from tvm_srq.models.load import UnknownNetworkError, load_state
    from tvm_srq.models.state_dict import read_state_dict, without_prefixes

    state = read_state_dict(path)
    try:
        return graph_of_network(load_state(state, path, scale))
    except UnknownNetworkError as unknown:
        if importlib.util.find_spec("spandrel") is None:
            raise UserError(f"{unknown}; spandrel, which knows many more, is not installed (pip install spandrel)") from None
        from tvm_srq.graph.sources.spandrel import NotSupportedError, graph_of_state

        for candidate in without_prefixes(state):
            try:
                return of_scale(graph_of_state(candidate), scale, path)
            except NotSupportedError:
                continue
        raise UserError(f"{unknown}; spandrel does not know it either") from None


def graph_of_network(network: Network) -> Graph:
    """The graph of a network defined in tvm_srq.models."""
    from tvm_srq.graph.sources.module import graph_of_module

    picture = PictureFormat(network.channels, network.pixel_range, network.output_range)
    settings = ", ".join(f"{name} {value}" for name, value in network.config.items())
    return graph_of_module(network, picture, network.smallest, f"{network.family} ({settings})")
