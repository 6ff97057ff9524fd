"""Checkpoints of the architectures that spandrel knows, as graphs; spandrel is asked only where it is installed.

It tells the architecture from a state dict's keys and builds the module, which is exported as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from tvm_srq.errors import UserError
from tvm_srq.graph.graph import Graph
from tvm_srq.graph.picture_options import format_of_network
from tvm_srq.graph.sources.module import graph_of_module
from tvm_srq.graph.sources.multiple import PaddedToMultiple

INSTALL = "pip install spandrel"


class NotSupportedError(UserError):
    """A network that spandrel does not know."""


def graph_of_state(state: Mapping[str, Tensor]) -> Graph:
    """The graph of whatever network a state dict belongs to.

    Raises:
        UserError: spandrel is not installed or does not know the network, or the network has no graph.
    """
    try:
        import spandrel
    except ImportError as missing:
        raise UserError(f"these weights belong to no network known here; spandrel knows more: {INSTALL}") from missing
    except RuntimeError as broken:  # PyTorch's and torchvision's builds do not fit
        raise UserError(f"spandrel, which knows more networks, cannot be imported: {broken}") from broken
    try:
        descriptor = spandrel.ModelLoader(device="cpu").load_from_state_dict(dict(state))
    except spandrel.UnsupportedModelError as unknown:
        raise NotSupportedError("these weights belong to no network that spandrel knows") from unknown
    return graph_of_descriptor(descriptor)


def graph_of_descriptor(descriptor: Any) -> Graph:
    """The graph of a network that spandrel has built, pictures from 0 to 1.

    Args:
        descriptor: ``spandrel.ImageModelDescriptor``.

    Raises:
        UserError: it makes no picture of one picture, or has no graph.
    """
    name, network, scale = descriptor.architecture.name, descriptor.model.float(), int(descriptor.scale)
    channels = descriptor.input_channels
    if not hasattr(descriptor, "output_channels") or channels != descriptor.output_channels or channels not in (1, 3):
        raise UserError(f"{name} does not take a picture of {channels} channels and give one of the same")
    freeze(network)
    called = as_called(network, descriptor)
    requirements = descriptor.size_requirements
    multiple = int(requirements.multiple_of or 1)
    whole = called if multiple == 1 else PaddedToMultiple(called, multiple, scale)
    smallest = int(requirements.minimum) or None
    return graph_of_module(whole, format_of_network(channels), smallest, f"{name} x{scale}")


class AsCalled(nn.Module):
    """A network with what spandrel does around it: one of several outputs, other ranges, a noise level beside the pixels."""

    def __init__(self, network: nn.Module, call: Callable[[nn.Module, Tensor], Tensor]):
        super().__init__()
        self.network = network
        self.call = call

    def forward(self, picture: Tensor) -> Tensor:
        return self.call(self.network, picture)


def as_called(network: nn.Module, descriptor: Any) -> nn.Module:
    """The network as spandrel calls it; alone, where that is all, so that its layers keep their names."""
    call: Any = getattr(descriptor, "_call_fn", None)
    usual = call is None or call.__module__ == type(descriptor).__module__
    return network if usual else AsCalled(network, call)


def freeze(network: nn.Module) -> None:
    """What networks compute of their weights, or write into themselves, whenever they run, done once and for all.

    SPAN merges the branches of its convolutions in ``update_params`` at every call.
    """
    network.eval()
    for module in network.modules():
        merge: Any = getattr(module, "update_params", None)
        if merge is not None:
            merge()
            setattr(module, "update_params", do_nothing)  # noqa: B010  an attribute that modules in general do not have


def do_nothing() -> None:
    """In place of merging weights that are merged."""
