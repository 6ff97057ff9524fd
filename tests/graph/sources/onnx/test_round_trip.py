"""A network exported to ONNX and loaded again is the network: it computes the same, and quantized it gives the same bytes."""

from collections.abc import Iterator
from dataclasses import fields
from functools import cache
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

from tvm_srq.graph.graph import Graph
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.picture_options import PictureOptions
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.models import load_checkpoint
from tvm_srq.models.base import Network
from tvm_srq.networks import graph_of_network, load_graph
from tvm_srq.quant.policy.presets import quantize_by_preset
from tvm_srq.spec import LayerSpec, QuantSpec

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


def form_of(network: Network) -> PictureOptions:
    """What an ONNX file does not say."""
    return PictureOptions(network.pixel_range, output_range=network.output_range)


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


@pytest.fixture(scope="module")
def two_pictures(tmp_path_factory) -> Path:
    return small_pictures(tmp_path_factory.mktemp("pictures"), 2)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family(name, exporter, settings, pictures, tmp_path):
    network = trained(name)
    graph = load_graph(export(network, tmp_path / "network.onnx", exporter), options=form_of(network))
    assert_the_same(graph_of_network(network), graph, pictures, settings)


@pytest.mark.slow
def test_a_file_that_keeps_its_batch_norms(pictures, tmp_path):
    network, path = trained("srresnet"), tmp_path / "network.onnx"
    training = torch.onnx.TrainingMode.PRESERVE  # then nothing is folded
    torch.onnx.export(network, (torch.rand(1, 3, 36, 48),), path, dynamo=False, training=training, do_constant_folding=False)
    assert b"BatchNormalization" in path.read_bytes()
    assert_the_same(graph_of_network(network), load_graph(path, options=form_of(network)), pictures, PLAIN)


@cache
def direct(path: Path, scale: int | None, pictures: Path, bits: int) -> tuple[Graph, QuantSpec]:
    """A checkpoint's graph and what it is quantized to: the same for both exporters."""
    graph = load_graph(path, scale)
    return graph, quantized(graph, pictures, bits)


def quantized(graph: Graph, pictures: Path, bits: int) -> QuantSpec:
    settings = {"weight_bits": bits, "activation_bits": bits, **PLAIN}
    return quantize_by_preset(GraphNetwork(graph), pictures, "fast", **settings)


def exact_roots() -> bool:
    """Whether PyTorch's roots are the nearest floats: not where its vector library is Intel's, on Intel's processors."""
    values = torch.linspace(0.01, 4.0, 1 << 14)
    return torch.equal(values.sqrt(), values.double().sqrt().float())


def assert_equal_layers(one: QuantSpec, other: QuantSpec, tolerance: float) -> None:
    """Codes are equal, and so are scales and steps, under the same names; floats within a relative tolerance."""
    assert list(one.layers) == list(other.layers)
    for name, layer in one.layers.items():
        first, second = (dict(parts_of(each)) for each in (layer, other.layers[name]))
        assert first.keys() == second.keys(), name
        for part, value in first.items():
            same = value.dtype.kind != "f" and np.array_equal(value, second[part])
            assert same or np.allclose(value, second[part], tolerance, 0), (name, part)
    np.testing.assert_allclose([*one.streams.values()], [*other.streams.values()], tolerance)


def parts_of(layer: LayerSpec) -> Iterator[tuple[str, NDArray]]:
    """A layer's numbers by name, those of its input's codes too."""
    for each in (layer, layer.input):
        for field in fields(each) if each is not None else ():
            value = getattr(each, field.name)
            if value is not None and field.name != "input":
                yield f"{type(each).__name__}.{field.name}", np.asarray(value)


@pytest.mark.slow
@pytest.mark.parametrize("exporter", EXPORTERS)
@each_file
def test_real_networks(file, exporter, data, two_pictures, tmp_path):
    """At W4A4 and W8A8 the layers of the direct way, and its bytes.

    Scales that were folded with other roots differ in their last bits; then a value here and there gets another code, and pixels
    differ by a few levels.
    """
    path = data / "weights" / file
    network = load_checkpoint(path, SCALES[file]).eval()
    graph = load_graph(export(network, tmp_path / "network.onnx", exporter), options=form_of(network))
    has_norms = any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    folded_otherwise = exporter == "legacy" and has_norms and not exact_roots()
    crop = np.random.default_rng(0).integers(0, 256, (17, 21, 3), np.uint8)
    for bits in (4, 8):
        known, expected = direct(path, SCALES[file], two_pictures, bits)
        assert (graph.scale, graph.smallest, graph.size) == (known.scale, known.smallest, known.size)
        made = quantized(graph, two_pictures, bits)
        assert_equal_layers(expected, made, 1e-6 if folded_otherwise else 0.0)
        if not folded_otherwise:
            np.testing.assert_array_equal(IntegerReference(made)(crop), IntegerReference(expected)(crop))
