"""Networks of spandrel's architectures: small ones with seeded weights, told from their state dicts; and real weights."""

import importlib
import importlib.util

import numpy as np
import pytest
import torch
from fitted import fitted, simulated

from spandrel_networks import import_spandrel, module_named
from tvm_srq.errors import UserError
from tvm_srq.graph.graph import why_float
from tvm_srq.graph.network import GraphNetwork, as_batch, to_picture
from tvm_srq.graph.sources.spandrel import graph_of_descriptor, graph_of_state
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.models.state_dict import read_state_dict

SMALL = ("Compact", "ESRGAN", "SPAN", "PLKSR", "RealPLKSR", "RCAN", "SAFMN", "MoSR", "MoESR", "NAFNet", "SwiftSRGAN")


@pytest.fixture(scope="module", autouse=True)
def spandrel():
    for name in ("einops", "spandrel"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    library = import_spandrel()
    yield importlib.import_module("spandrel")
    del library


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in ("Compact", "SPAN") else pytest.mark.slow) for n in SMALL])
def test_small_networks(name):
    module = module_named(name)
    graph = graph_of_state(module.state_dict())
    # SAFMN is padded to multiples of 8, as spandrel says it should be
    for height, width in ((17, 22), (24, 31)) if name != "SAFMN" else ((16, 24), (40, 32)):
        picture = torch.rand(1, 3, height, width)
        with torch.no_grad():
            expected = module(picture.clone())
            torch.testing.assert_close(GraphNetwork(graph)(picture), expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["RealPLKSR", "MoSR", "MoESR", "SAFMN", "NAFNet"])
def test_norms_run_in_integers(name):
    """Layer and group norms, in the integers that 8-bit codes give."""
    graph = graph_of_state(module_named(name).state_dict())
    picture = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    batch = as_batch(picture, graph)
    spec = fitted(graph, [batch])
    expected = to_picture(simulated(spec, batch), graph.picture.output_range)[0].permute(1, 2, 0).numpy()
    assert np.abs(IntegerReference(spec)(picture).astype(int) - expected).mean() < 0.5


class TwoOutputs(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, picture):
        return self.layer(picture), picture.mean()


def test_networks_are_called_as_spandrel_calls_them(spandrel):
    """Of several outputs one, in another range."""
    network = TwoOutputs()
    descriptor = spandrel.ImageModelDescriptor(
        network, network.state_dict(), spandrel.architectures.Compact.CompactArch(), "Restoration", [], supports_half=False,
        supports_bfloat16=False, scale=1, input_channels=3, output_channels=3,
        call_fn=lambda network, picture: network(picture)[0] * 0.5 + 0.25,
    )  # fmt: skip
    graph, picture = graph_of_descriptor(descriptor), torch.rand(1, 3, 9, 12)
    with torch.no_grad():
        torch.testing.assert_close(GraphNetwork(graph)(picture), network.layer(picture) * 0.5 + 0.25)


def test_merged_convolutions_are_one_node_each(spandrel):
    graph = graph_of_state(module_named("SPAN").state_dict())
    names = [node.name for node in graph.convolutions()]
    assert names[:3] == ["conv_1.eval_conv", "block_1.c1_r.eval_conv", "block_1.c2_r.eval_conv"]


def test_what_floats_do_not_serve_is_refused_by_name():
    with pytest.raises(UserError, match=r"sort\.stable in .*\(AC_MSA\) is no operation"):
        graph_of_state(module_named("ATD").state_dict())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SwinIR", "Swin2SR", "RetinexFormer"])
def test_attention_is_in_float_nodes(name):
    """The graph is checked against the network when it is made."""
    graph = graph_of_state(module_named(name).state_dict())
    assert graph.without_integers and all("has no integer meaning" in why_float(node) for node in graph.without_integers)


def test_unknown_weights():
    with pytest.raises(UserError, match="no network that spandrel knows"):
        graph_of_state({"layer.weight": torch.zeros(1)})


@pytest.mark.slow
@pytest.mark.parametrize("file", ["realesr-animevideov3.pth", "RealESRGAN_x4plus_anime_6B.pth"])
def test_real_weights(file, data, spandrel):
    state = read_state_dict(data / "weights" / file)
    graph = graph_of_state(state)
    module = spandrel.ModelLoader().load_from_state_dict(dict(state)).model.float().eval()
    picture = torch.rand(1, 3, 33, 47)
    with torch.no_grad():
        torch.testing.assert_close(GraphNetwork(graph)(picture), module(picture), rtol=1e-5, atol=1e-5)
