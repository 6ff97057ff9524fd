"""Every family: its attributes, its export with symbolic sizes, and detection that mistakes no other's checkpoint for its own."""

import pytest
import torch
from torch import nn
from torch.export import Dim, export

from tvm_srq.errors import UserError
from tvm_srq.models import families
from tvm_srq.models.load import detect_network, fill

RDN_BODY = {"blocks": 2, "layers": 2, "growth": 4, "features": 6}
SMALL = {
    "carn_m": {"features": 8, "groups": 2, "scale": 4},
    "compact": {"convolutions": 3, "features": 6, "scale": 2},
    "edsr": {"blocks": 2, "features": 6, "scale": 4},
    "edsr_basicsr": {"blocks": 2, "features": 6, "scale": 3},
    "imdn": {"modules": 2, "features": 8, "distilled": 2, "squeezed": 2, "scale": 2},
    "imdn_baseline": {"blocks": 2, "features": 8, "distilled": 2, "scale": 4},
    "msrresnet": {"blocks": 2, "features": 6, "scale": 4},
    "quicksrnet": {"convolutions": 3, "features": 6, "scale": 2, "anchored": True},
    "rdn": RDN_BODY | {"scale": 4},
    "rdn_nearest": RDN_BODY | {"narrow": 5, "scale": 2},
    "rlfn": {"blocks": 2, "features": 6, "middle": 7, "squeezed": 4, "scale": 2},
    "rrdbnet": {"blocks": 1, "features": 6, "growth": 4, "doublings": 2},
    "srresnet": {"blocks": 2, "features": 6, "scale": 2, "slopes": 6},
}
FAMILIES = {family.name: family for family in families()}


def small(name: str, **changes):
    torch.manual_seed(0)
    family = FAMILIES[name]
    config = SMALL[name] | changes
    return fill(family, config, family.build(**config).state_dict(), "seeded")


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
