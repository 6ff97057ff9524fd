"""A network exported to ONNX and loaded again is the network: it computes the same, and quantized it gives the same bytes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from exporting import EXPORTERS, export
from numpy.typing import NDArray
from real_networks import SCALES, each_file
from small_families import SMALL, small
from small_network import small_pictures
from torch import nn

from tvm_srq.graph.graph import Graph, PictureFormat
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.models import load_checkpoint
from tvm_srq.models.base import Network
from tvm_srq.networks import graph_of_network, load_graph
from tvm_srq.quant.policy.presets import quantize_by_preset

PLAIN = {"rounding": "nearest", "equalize": False}
QUICK = ("compact", "edsr", "srresnet")
FAMILIES = [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in SMALL]
SETTINGS = [pytest.param(PLAIN, id="plain"), pytest.param({}, id="fast", marks=pytest.mark.slow)]
WIDTHS = {"weight_bits": 4, "activation_bits": 4}


def trained(name: str) -> Network:
    """A small network of a family whose batch norms and slopes are not as training finds them."""
    network, generator = small(name).eval(), torch.Generator().manual_seed(1)
    for module in network.modules():
        ranges = {}
        if isinstance(module, nn.BatchNorm2d):
            ranges = {"running_mean": (-0.3, 0.3), "running_var": (0.5, 2.0), "weight": (0.5, 1.5), "bias": (-0.3, 0.3)}
        elif isinstance(module, nn.PReLU):
            ranges = {"weight": (0.0, 0.4)}
        for each, (low, high) in ranges.items():
            values = getattr(module, each).data
            values.copy_(low + (high - low) * torch.rand(values.shape, generator=generator))
    return network


def form_of(network: Network) -> PictureFormat:
    """What an ONNX file does not say."""
    return PictureFormat(network.channels, network.pixel_range, network.output_range)


def quantized_pictures(graph: Graph, folder: Path, settings: dict) -> list[NDArray[np.uint8]]:
    """What the integer reference makes of noise, at an even and an odd size."""
    reference = IntegerReference(quantize_by_preset(GraphNetwork(graph), folder, "fast", **WIDTHS, **settings))
    generator = np.random.default_rng(0)
    return [reference(generator.integers(0, 256, (*size, 3), np.uint8)) for size in ((20, 24), (33, 27))]


def assert_the_same(direct: Graph, other: Graph, pictures: Path, settings: dict) -> None:
    assert (other.scale, other.smallest, other.size) == (direct.scale, direct.smallest, direct.size)
    picture = direct.picture.white * torch.rand(1, 3, 21, 26, generator=torch.Generator().manual_seed(0))
    expected = GraphNetwork(direct)(picture)
    assert (GraphNetwork(other)(picture) - expected).abs().max() <= 1e-6 * expected.abs().max()
    for one, two in zip(*(quantized_pictures(graph, pictures, settings) for graph in (direct, other)), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    return small_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family(name, exporter, settings, pictures, tmp_path):
    network = trained(name)
    graph = load_graph(export(network, tmp_path / "network.onnx", exporter), picture=form_of(network))
    assert_the_same(graph_of_network(network), graph, pictures, settings)


@pytest.mark.slow
def test_a_file_that_keeps_its_batch_norms(pictures, tmp_path):
    network, path = trained("srresnet"), tmp_path / "network.onnx"
    training = torch.onnx.TrainingMode.PRESERVE  # then nothing is folded
    torch.onnx.export(network, (torch.rand(1, 3, 36, 48),), path, dynamo=False, training=training, do_constant_folding=False)
    assert b"BatchNormalization" in path.read_bytes()
    assert_the_same(graph_of_network(network), load_graph(path, picture=form_of(network)), pictures, PLAIN)


@pytest.mark.slow
@pytest.mark.parametrize("exporter", EXPORTERS)
@each_file
def test_real_networks(file, exporter, data, pictures, tmp_path):
    network = load_checkpoint(data / "weights" / file, SCALES[file]).eval()
    graph = load_graph(export(network, tmp_path / "network.onnx", exporter), picture=form_of(network))
    assert_the_same(load_graph(data / "weights" / file, SCALES[file]), graph, pictures, PLAIN)
