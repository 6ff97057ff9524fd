"""A network from whatever file holds it: checkpoints, ONNX, torch.export programs and quantized networks, all as graphs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from torch import nn

from tvm_srq.errors import UserError
from tvm_srq.graph.graph import Graph
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.picture_options import UNTOLD, PictureOptions, format_of_network, require_untold
from tvm_srq.models.base import Network


def load_network(
    source: str | Path | nn.Module, scale: int | None = None, options: PictureOptions = UNTOLD
) -> GraphNetwork:
    """A network in float32, to run, observe and train: of a file (args and errors as :func:`load_graph`), or of a module.

    Args:
        source: or a PyTorch module, (1, C, H, W) -> (1, C, scale * H, scale * W) float32, for any H and W from some size on.

    Raises:
        UserError: as :func:`load_graph`.
    """
    return load_with_ranges(source, scale, options)[0]


def load_with_ranges(
    source: str | Path | nn.Module, scale: int | None = None, options: PictureOptions = UNTOLD
) -> tuple[GraphNetwork, dict[str, tuple[float, float]]]:
    """As :func:`load_network`; and the ends of values' ranges, by name, of an ONNX file that was quantized."""
    if not isinstance(source, nn.Module):
        if Path(source).suffix != ".onnx":
            return GraphNetwork(load_graph(source, scale, options)), {}
        from tvm_srq.graph.sources.onnx import import_onnx

        found = import_onnx(source, options)
        return GraphNetwork(of_scale(found.graph, scale, source)), found.ranges
    from tvm_srq.graph.sources.around import around
    from tvm_srq.graph.sources.module import channels_of, graph_of_module, require_finite

    name = type(source).__name__
    require_finite(source.state_dict(), f"module {name}")
    picture = options.format(name, channels_of(source, options))
    graph = around(graph_of_module(source, picture, description=name), options)
    return GraphNetwork(of_scale(graph, scale, name)), {}


def load_graph(path: str | Path, scale: int | None = None, options: PictureOptions = UNTOLD) -> Graph:
    """The graph of a checkpoint, an ONNX file (.onnx) or a program of torch.export (.pt2).

    Args:
        scale: which one, of a checkpoint that serves several.
        options: how pictures go in and come out, where the file does not say (ONNX, .pt2).

    Raises:
        UserError: the file is missing or damaged, its network is unknown or of another scale, or has something without a place in
            a graph, or the options contradict it; in one sentence.
    """
    path = Path(path)
    if path.suffix == ".onnx":
        from tvm_srq.graph.sources.onnx import graph_of_onnx

        return of_scale(graph_of_onnx(path, options), scale, path)
    if path.suffix == ".pt2":
        from tvm_srq.graph.sources.around import around
        from tvm_srq.graph.sources.module import require_finite
        from tvm_srq.graph.sources.program_file import channels_of, graph_of_program, read_program

        program = read_program(path)
        require_finite(program.state_dict, str(path))
        picture = options.format(str(path), channels_of(program))
        return of_scale(around(graph_of_program(program, picture, description=path.name), options), scale, path)
    require_untold(options, path, "is of a network that says how pictures go in and come out")
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

    picture = format_of_network(network.channels, network.pixel_range, network.output_range)
    settings = ", ".join(f"{name} {value}" for name, value in network.config.items())
    return graph_of_module(network, picture, network.smallest, f"{network.family} ({settings})", plain=True)
