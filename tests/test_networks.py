"""Whatever file a network comes in, it is loaded as the graph that computes what it computes; what none is gets one sentence."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from small_network import small_graph, small_module, small_pictures
from torch.export import Dim, export

from tvm_srq import api
from tvm_srq.errors import UserError
from tvm_srq.graph.file import describe
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.picture_options import PictureOptions
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.models import load_checkpoint
from tvm_srq.models.compact import Compact
from tvm_srq.networks import graph_of_network, load_graph, load_network
from tvm_srq.spec_file import load_spec

TOLERANCE = dict(rtol=1e-5, atol=1e-5)


def picture(white: float = 1.0) -> torch.Tensor:
    return white * torch.rand(1, 3, 11, 14, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def compact() -> Compact:
    torch.manual_seed(0)
    return Compact(2, 8, 2).eval()


@pytest.fixture
def program(compact, tmp_path) -> Path:
    example = torch.zeros(1, 3, 24, 32)
    torch.export.save(export(compact, (example,), dynamic_shapes=({2: Dim("h"), 3: Dim("w")},)), tmp_path / "net.pt2")
    return tmp_path / "net.pt2"


@pytest.fixture
def onnx_file(compact, tmp_path) -> Path:
    pytest.importorskip("onnx", reason="the onnx package is not installed")
    names = dict(input_names=["input"], output_names=["output"])
    axes = {"input": {2: "height", 3: "width"}, "output": {2: "high", 3: "wide"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(compact, (torch.zeros(1, 3, 24, 32),), tmp_path / "net.onnx", dynamo=False, dynamic_axes=axes, **names)
    return tmp_path / "net.onnx"


@pytest.mark.parametrize("name", ["edsr", "srresnet"])
@pytest.mark.parametrize("suffix", ["pt", "pth", "safetensors"])
def test_a_checkpoint_is_its_family_s_graph(name, suffix, tmp_path):
    module, path = small_module(name), tmp_path / f"net.{suffix}"
    save = save_file if suffix == "safetensors" else torch.save
    save(module.state_dict(), path)
    network = load_network(path)
    assert isinstance(network, GraphNetwork) and describe(network.graph) == describe(graph_of_network(load_checkpoint(path)))
    assert (network.scale, network.channels) == (2, 3)
    picture_format = network.graph.picture
    assert (picture_format.white, picture_format.output_range) == (module.pixel_range, module.output_range)
    x = picture(module.pixel_range)
    with torch.no_grad():
        torch.testing.assert_close(network(x), module(x), rtol=1e-5, atol=1e-5 * module.pixel_range)


def test_a_graph_says_what_network_it_was():
    assert small_graph("srresnet").description == "srresnet (blocks 2, features 8, scale 2, slopes 8)"


def test_nodes_are_called_as_modules():
    modules = dict(small_module().named_modules())
    assert [type(modules[node.name]) for node in small_graph().convolutions()] == [torch.nn.Conv2d] * 8


def test_a_checkpoint_of_another_scale_is_told(tmp_path):
    torch.save(small_module().state_dict(), tmp_path / "net.pth")
    assert load_graph(tmp_path / "net.pth", 2).scale == 2
    with pytest.raises(UserError, match=r"net\.pth is of scale 2, not 3; leave the scale out"):
        load_graph(tmp_path / "net.pth", 3)


def test_a_program_of_torch_export(program, compact):
    network = load_network(program)
    assert network.graph.description == "net.pt2" and "0 to 1" in network.graph.picture.told
    with torch.no_grad():
        torch.testing.assert_close(network(picture()), compact(picture()), **TOLERANCE)
    assert "pictures: white is 1, red first, no mean, output 0 to 1 (assumed)" in api.inspect(program)


def test_an_onnx_file(onnx_file, compact):
    network = load_network(onnx_file)
    with torch.no_grad():
        torch.testing.assert_close(network(picture()), compact(picture()), **TOLERANCE)


@pytest.mark.parametrize("file", ["program", "onnx_file"])
def test_how_pictures_go_in_can_be_said(file, request):
    found = load_graph(request.getfixturevalue(file), options=PictureOptions(255.0)).picture
    assert (found.white, found.output_range, found.channels) == (255.0, (0.0, 255.0), 3)


@pytest.mark.parametrize("file", ["program", "onnx_file"])
def test_a_wrong_scale_is_told(file, request):
    path = request.getfixturevalue(file)
    assert load_graph(path, 2).scale == 2
    with pytest.raises(UserError, match=rf"{path.name} is of scale 2, not 4; leave the scale out"):
        load_graph(path, 4)


@pytest.mark.parametrize("suffix", ["pt", "safetensors", "onnx", "pt2"])
def test_a_missing_file_is_told(suffix, tmp_path):
    if suffix == "onnx":
        pytest.importorskip("onnx", reason="the onnx package is not installed")
    with pytest.raises(UserError, match=rf"net\.{suffix} does not exist"):
        load_graph(tmp_path / f"net.{suffix}")


@pytest.mark.parametrize("suffix", ["pt", "safetensors", "onnx", "pt2"])
def test_a_file_that_is_none_is_told_in_one_sentence(suffix, tmp_path):
    if suffix == "onnx":
        pytest.importorskip("onnx", reason="the onnx package is not installed")
    path = tmp_path / f"net.{suffix}"
    path.write_bytes(b"no network at all")
    with pytest.raises(UserError) as told:
        load_graph(path)
    assert str(path) in str(told.value) and "\n" not in str(told.value)


def test_an_unknown_checkpoint_is_told_and_where_more_are_known(tmp_path, monkeypatch):
    torch.save({"strange.weight": torch.zeros(3)}, tmp_path / "net.pt")
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "spandrel" else found(name, *rest))
    with pytest.raises(UserError, match=r"begin with strange\.weight; networks known: carn_m, .*; spandrel, .* is not installed"):
        load_graph(tmp_path / "net.pt")


def test_an_unknown_checkpoint_that_spandrel_does_not_know_either(tmp_path):
    pytest.importorskip("spandrel")
    torch.save({"strange.weight": torch.zeros(3)}, tmp_path / "net.pt")
    with pytest.raises(UserError, match="spandrel does not know it either"):
        load_graph(tmp_path / "net.pt")


def test_a_network_of_any_file_is_quantized_and_runs(onnx_file, program, tmp_path):
    """The two files are of one network; their graphs quantize to the same integers."""
    (tmp_path / "pictures").mkdir()
    pictures = small_pictures(tmp_path / "pictures", 2)
    x = np.random.default_rng(0).integers(0, 256, (9, 13, 3), np.uint8)
    outputs = []
    for path in (onnx_file, program):
        api.quantize(path, pictures, tmp_path / "net.srq")
        outputs.append(IntegerReference(load_spec(tmp_path / "net.srq"))(x))
    assert outputs[0].shape == (18, 26, 3) and np.array_equal(*outputs)


def test_a_picture_format_that_would_be_dropped_is_refused(default_checkpoint):
    with pytest.raises(UserError, match=r"leave out what is said of its pictures \(white\)"):
        load_network(default_checkpoint, options=PictureOptions(white=255.0))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("kind", ["module", "pt2", "onnx"])
def test_weights_that_are_no_numbers_are_refused_by_name(kind, value, tmp_path, request):
    network = Compact(2, 8, 2).eval()
    with torch.no_grad():
        network.body[2].weight[1, 2, 0, 0] = value
    if kind == "pt2":
        example = torch.zeros(1, 3, 24, 32)
        torch.export.save(export(network, (example,), dynamic_shapes=({2: Dim("h"), 3: Dim("w")},)), tmp_path / "net.pt2")
    if kind == "onnx":
        onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
        model = onnx.load(request.getfixturevalue("onnx_file"))
        stored = next(tensor for tensor in model.graph.initializer if tensor.name == "body.2.weight")
        stored.CopyFrom(onnx.numpy_helper.from_array(network.body[2].weight.detach().numpy(), stored.name))
        onnx.save(model, tmp_path / "net.onnx")
    source = network if kind == "module" else tmp_path / f"net.{kind}"
    owner = "module Compact" if kind == "module" else str(source)
    with pytest.raises(UserError, match=rf"tensor body\.2\.weight of {owner} has NaN or infinite values"):
        load_network(source)
