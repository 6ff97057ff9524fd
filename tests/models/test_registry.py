"""Every family: its attributes, its export with symbolic sizes, and detection that mistakes no other's checkpoint for its own."""

import pytest
import torch
from small_families import FAMILIES, SMALL, small
from torch import nn
from torch.export import Dim, export

from tvm_srq.errors import UserError
from tvm_srq.models import families
from tvm_srq.models.load import detect_network


def test_every_family_is_tested_here():
    assert list(FAMILIES) == list(SMALL)


@pytest.mark.parametrize("name", SMALL)
def test_edges_are_convolutions_of_its_own_that_begin_and_end_it(name):
    network = small(name)
    for layer in network.edge_layers:
        assert isinstance(network.get_submodule(layer), nn.Conv2d)
    assert len(set(network.edge_layers)) == len(network.edge_layers)
    assert network.get_submodule(network.edge_layers[0]).in_channels == network.channels


@pytest.mark.parametrize("name", SMALL)
def test_it_works_on_its_smallest_picture(name):
    network = small(name)
    side = network.smallest
    output = network(torch.rand(1, network.channels, side, side))
    assert output.shape == (1, network.channels, network.scale * side, network.scale * side) and output.isfinite().all()


def recognised(state):
    """Families that a state dict is taken for."""
    found = []
    for family in families():
        try:
            config = family.detect(state)
        except UserError:
            continue
        found += [family.name] if config is not None else []
    return found


@pytest.mark.parametrize("name", [name for name in SMALL if name != "carn_m"])  # whose checkpoints name upsamplers by scale
def test_exactly_one_family_recognises_a_checkpoint(name):
    network = small(name)
    assert recognised(network.state_dict()) == [name]
    family, config, _ = detect_network(network.state_dict(), "seeded")
    assert family.name == name and network.config.items() <= config.items()


@pytest.mark.parametrize("name", SMALL)
def test_weights_without_extent_or_of_other_ranks_are_told(name):
    for damage in (lambda value: value[:0], lambda value: value.flatten(), lambda value: value.sum()):
        state = {key: damage(value) if value.dim() == 4 else value for key, value in small(name).state_dict().items()}
        assert recognised(state) == []


@pytest.mark.parametrize("name", SMALL)
def test_one_export_serves_every_size(name):
    network = small(name)
    smallest = 21 if name == "rlfn" else 2  # torch sets extents of 1 apart, RLFN's attention has one up to 20 pixels
    sizes = {2: Dim("height", min=smallest), 3: Dim("width", min=smallest)}
    picture = torch.rand(1, network.channels, 33, 41)
    exported = export(network, (picture,), dynamic_shapes=(sizes,)).module()
    for size in ((41, 33), (smallest, 31)):
        picture = torch.rand(1, network.channels, *size)
        torch.testing.assert_close(exported(picture), network(picture))


@pytest.mark.parametrize("unshuffle", [2, 4])
def test_an_export_of_a_padded_network_keeps_sizes_symbolic(unshuffle):
    network = small("rrdbnet", unshuffle=unshuffle)
    sizes = {2: Dim("height", min=8), 3: Dim("width", min=8)}
    picture = torch.rand(1, network.channels, 21, 23)
    program = export(network, (picture,), dynamic_shapes=(sizes,), prefer_deferred_runtime_asserts_over_guards=True)
    for node in list(program.graph.nodes):  # what torch assumes of its own strides for the sample's size
        if node.target is torch.ops.aten._assert_scalar.default:
            program.graph.erase_node(node)
    parameters = [program.state_dict[name] for name in program.graph_signature.parameters]
    interpreter = torch.fx.Interpreter(program.graph_module)
    for size in ((23, 21), (8, 24), (9, 10)):
        picture = torch.rand(1, network.channels, *size)
        torch.testing.assert_close(interpreter.run(*parameters, picture)[0], network(picture))
