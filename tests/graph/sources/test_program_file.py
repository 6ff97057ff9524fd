"""Programs of torch.export as graphs, from files of which nothing is unpickled."""

import json
import zipfile

import pytest
import torch
from torch import nn
from torch.export import Dim, export, save

from tvm_srq.errors import UserError
from tvm_srq.graph.graph import PictureFormat
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.sources.program_file import graph_of_program, read_program


@pytest.fixture(scope="module")
def module():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.PReLU(12), nn.PixelShuffle(2)).eval()


@pytest.fixture(params=[{2: Dim("h"), 3: Dim("w")}, {0: Dim("n"), 2: Dim("h"), 3: Dim("w")}], ids=["picture", "batch"])
def path(request, module, tmp_path):
    example = torch.zeros(1 if 0 not in request.param else 2, 3, 24, 32)
    save(export(module, (example,), dynamic_shapes=(request.param,)), tmp_path / "net.pt2")
    return tmp_path / "net.pt2"


def test_a_program_is_the_graph_of_its_module(path, module):
    graph = graph_of_program(read_program(path), PictureFormat())
    assert [(node.name, node.operator) for node in graph.nodes] == [("0", "convolution"), ("1", "prelu"), ("2", "pixel_shuffle")]
    picture = torch.rand(1, 3, 11, 17)
    torch.testing.assert_close(GraphNetwork(graph)(picture), module(picture))


def test_a_program_for_one_size_is_refused(module):
    with pytest.raises(UserError, match="pictures of some sizes only"):
        graph_of_program(export(module, (torch.zeros(1, 3, 24, 32),)), PictureFormat())


def test_a_program_for_several_pictures_is_refused(module):
    program = export(module, (torch.zeros(2, 3, 24, 32),), dynamic_shapes=({2: Dim("h"), 3: Dim("w")},))
    with pytest.raises(UserError, match="takes 2 pictures at a time"):
        graph_of_program(program, PictureFormat())


def changed(path, change):
    """The archive with its JSON files changed."""
    other = path.with_name("other.pt2")
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(other, "w") as result:
        for name in archive.namelist():
            content = archive.read(name)
            result.writestr(name, json.dumps(change(json.loads(content))) if name.endswith("_config.json") else content)
    return other


def test_pickled_weights_are_refused(path):
    def pickled(config):
        return json.loads(json.dumps(config).replace('"use_pickle": false', '"use_pickle": true'))

    with pytest.raises(UserError, match="pickled parts"):
        read_program(changed(path, pickled))


def test_objects_that_are_no_tensors_are_refused(path):
    def custom(config):
        return json.loads(json.dumps(config).replace("weight_0", "custom_obj_0"))

    with pytest.raises(UserError, match="pickled parts"):
        read_program(changed(path, custom))


def rewritten(path, suffix, change):
    """The archive with one of its files changed."""
    other = path.with_name("other.pt2")
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(other, "w") as result:
        for name in archive.namelist():
            content = archive.read(name)
            result.writestr(name, change(content) if name.endswith(suffix) else content)
    return other


def test_descriptions_nested_too_deep_are_refused(path):
    with pytest.raises(UserError, match="cannot be read as a program"):
        read_program(rewritten(path, "_config.json", lambda content: b"[" * 100_000 + b"]" * 100_000))


@pytest.mark.parametrize(("place", "argument"), [(2, {"as_ints": [1, 1]}), (3, {"as_string": ""}), (3, {"as_ints": []})])
def test_an_argument_of_another_type_is_refused(path, place, argument):
    """A convolution's bias is a list, its stride a text, or of no numbers."""
    def change(content):
        about = json.loads(content)
        node = next(each for each in about["graph_module"]["graph"]["nodes"] if "conv2d" in each["target"])
        node["inputs"][place] = {**node["inputs"][place], "arg": argument}
        return json.dumps(about)

    with pytest.raises(UserError):
        graph_of_program(read_program(rewritten(path, "models/model.json", change)), PictureFormat())


def test_two_files_of_one_name_are_refused(path):
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(next(name for name in archive.namelist() if name.endswith("_config.json")), "{}")
    with pytest.raises(UserError, match="cannot be read"):
        read_program(path)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_files_that_are_no_programs(tmp_path, content):
    (tmp_path / "x.pt2").write_bytes(content)
    with pytest.raises(UserError, match="cannot be read as a program"):
        read_program(tmp_path / "x.pt2")
    with pytest.raises(UserError, match="does not exist"):
        read_program(tmp_path / "y.pt2")
